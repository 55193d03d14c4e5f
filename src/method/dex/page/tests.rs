use super::*;

fn page(html: &str) -> PageText {
    PageText::parse(
        &Url::parse("https://kf.example.com/dex/auth/local/login?back=&state=abc").unwrap(),
        html,
    )
}

fn sent(form: &Form) -> Vec<(String, String)> {
    let fields = form.filled("me@example.com", &Secret::new("pw")).unwrap();
    fields
        .into_iter()
        .map(|(name, value)| (name, value.expose().to_owned()))
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn dexs_form_is_filled_by_its_names() {
    let page = page(
        r#"<form method="post" action="/dex/auth/local/login?back=&amp;state=abc">
           <input tabindex="1" required id="login" name="login" type="text" value="">
           <input id="password" name="password" type="password"><button type="submit">Login</button></form>"#,
    );
    let form = &page.forms()[0];
    assert!(form.is_post && form.asks_for_password());
    assert_eq!(form.action.query(), Some("back=&state=abc"));
    assert_eq!(
        sent(form),
        pairs(&[("login", "me@example.com"), ("password", "pw")])
    );
}

#[test]
fn other_fields_are_kept_and_names_are_found_by_type() {
    let page = page(
        r#"<FORM METHOD=POST><INPUT TYPE=hidden NAME=csrf VALUE="a&amp;b"><input type=email name=mail>
           <input type=password name=pw><input type=checkbox name=remember_me><input type=checkbox name=ok checked>
           <select name=realm><option value=1>One<option value=2 selected>Two</select>
           <button name=go value=1>Go</button><button name=cancel value=1>Cancel</button></FORM>"#,
    );
    let form = &page.forms()[0];
    assert_eq!(
        sent(form),
        pairs(&[
            ("csrf", "a&b"),
            ("mail", "me@example.com"),
            ("pw", "pw"),
            ("ok", "on"),
            ("realm", "2"),
            ("go", "1")
        ])
    );
    assert_eq!(form.action.path(), "/dex/auth/local/login");
}

#[test]
fn a_form_to_change_a_password_is_no_login() {
    let page = page(
        "<form method=post><input name=a><input type=password name=b><input type=password name=c></form>",
    );
    assert!(page.forms()[0].filled("u", &Secret::new("p")).is_none());
}

#[test]
fn words_are_found_on_error_pages() {
    let page = page(
        r#"<div class="theme-panel"><h2 class="theme-heading">Bad Request</h2><p>User session   has expired.</p></div>"#,
    );
    assert_eq!(page.words(), "Bad Request: User session has expired.");
    assert!(page.has_dexs_look());
}

#[test]
fn words_end_with_their_element() {
    for (html, words) in [
        (
            "<title>T</title><h1></h1><h2>a <b>b</b></h2>c<p> <p>d<div>e</div>f",
            "a b: d",
        ),
        (
            "<div><span class=theme-heading>a</div>b<p>c</section>d</p>e",
            "a: cd",
        ),
        (
            "<h1>Forbidden</h1><div id=more-info><p>More Info<div class='x content'>why</div></div><p>p",
            "Forbidden: why",
        ),
        (
            "<p class=content>p<div id=more-info></div><div class=content>no",
            "p",
        ),
        (
            "<title> </title><title>a &amp; <b></title><body>c",
            "a & <b>",
        ),
        (
            "<svg><title>no</title></svg><style>no</style><script>no</script>a<template>no</template> <xmp><b></xmp>",
            "a <b>",
        ),
        ("", ""),
    ] {
        assert_eq!(page(html).words(), words, "{html}");
    }
    let error = page("<div id=login-error> <div>In<br>valid</div></div><p>no");
    assert_eq!(error.login_error(), Some("Invalid"));
    assert_eq!(
        page("<input id=login-error>words<p class=dex-error-box>").login_error(),
        None
    );
}

#[test]
fn a_form_is_found_where_a_browser_finds_it_and_nowhere_else() {
    const FORM: &str =
        "<form method=post><input name=login><input type=password name=password></form>";
    for (before, after) in [
        ("", ""),
        ("<table><tr><td>", ""),
        ("<ul><li>a<li>b<p>", ""),
        ("<svg><path/></svg>", ""),
        ("<svg><path><p>", ""),
        ("<svg><foreignobject>", "</foreignobject></svg>"),
        ("<script>'<form>'</script><textarea></textarea>", "<!--"),
        ("<template><form></template>", ""),
        ("</form></textarea></template></p>", ""),
        ("<!-->", "-->"),
        ("<title></titl></title>", ""),
    ] {
        let found = page(&format!("{before}{FORM}{after}"));
        assert_eq!(found.forms().len(), 1, "{before}");
        assert!(found.forms()[0].asks_for_password(), "{before}");
    }
    for (before, after) in [
        ("<!--", "-->"),
        ("<!-- > --", ""),
        ("<script>", "</script>"),
        ("<script><!--<script></script>", "</script>"),
        ("<style>", "</style>"),
        ("<textarea>", "</textarea>"),
        ("<textarea>", ""),
        ("<title>", "</title>"),
        ("<xmp>", "</xmp>"),
        ("<iframe>", "</iframe>"),
        ("<noscript>", "</noscript>"),
        ("<noframes>", "</noframes>"),
        ("<noembed>", "</noembed>"),
        ("<plaintext></plaintext>", ""),
        ("<template>", "</template>"),
        ("<template><div></div><template></template>", ""),
        ("<svg>", "</svg>"),
        ("<math>", "</math>"),
        ("<svg><style></style>", "</svg>"),
        ("<svg><![CDATA[ > ", "]]></svg>"),
        ("<a title='", "'>"),
        ("<select>", "</select>"),
    ] {
        let found = page(&format!("{before}{FORM}{after}"));
        assert!(found.forms().is_empty(), "{before}: {:?}", found.forms());
    }
}

#[test]
fn a_control_belongs_to_the_form_that_a_browser_gives_it_to() {
    let names = |html: &str| {
        let page = page(html);
        let forms = page.forms().iter().map(|form| {
            let names: Vec<&str> = form
                .fields
                .iter()
                .map(|field| field.name.as_str())
                .collect();
            format!("[{}]", names.join(" "))
        });
        forms.collect::<String>()
    };
    for (html, forms) in [
        (
            "<form><input name=a><form><input name=b></form><input name=c>",
            "[a b]",
        ),
        (
            "<form><div><input name=a></form></div><form><input name=b>",
            "[a][b]",
        ),
        ("<table><form><tr><td><input name=a></table></form>", "[a]"),
        (
            "<input form=x name=a><form id=x><input name=b></form><form id=x></form>",
            "[a b][]",
        ),
        (
            "<form><input form=x name=a><input form='' name=b></form>",
            "[]",
        ),
        (
            "<form><template><input name=a></template><svg><input name=b></svg><input name=c>",
            "[c]",
        ),
        (
            "<form><input name=a disabled><input name><input name=a><input name=a>",
            "[a a]",
        ),
        (
            "<form><button>Go</button><button name=cancel>x</button><input type=submit name=also>",
            "[]",
        ),
        (
            "<form><button type=button name=no></button><button type=odd name=yes>",
            "[yes]",
        ),
        (
            "<form action='http://['><input name=a></form><form><input name=b>",
            "[b]",
        ),
    ] {
        assert_eq!(names(html), forms, "{html}");
    }
}

#[test]
fn values_are_those_that_a_browser_would_send() {
    let page = page(
        "<form><textarea name=a>\n\n<b>&lt;</textarea><select name=b><option>x <option selected> y z </select>\
         <select name=c><optgroup><option value=''>x</optgroup><option value=y></select><select name=d></select>\
         <input type=RADIO name=e checked><input name=f value='&quot;&#x41;'>",
    );
    let fields = &page.forms()[0].fields;
    let values: Vec<&str> = fields.iter().map(|field| field.value.as_str()).collect();
    assert_eq!(values, ["\n<b><", "y z", "", "", "on", "\"A"]);
}

#[test]
fn where_links_go_is_read() {
    let page = page(
        "<a href=' ../x '>a</a><a>b</a><a href=http://[>c</a><a href='https://h/?a&amp;b'>d</a>",
    );
    let links: Vec<&str> = page.links().iter().map(Url::as_str).collect();
    assert_eq!(
        links,
        ["https://kf.example.com/dex/auth/x", "https://h/?a&b"]
    );
}

/// Is as much of a page as is ever read.
const MEBIBYTE: usize = 1024 * 1024;

/// Pages that each make a reader look up, down or back at every step.
fn pathological_pages() -> Vec<(&'static str, String)> {
    let repeated = |piece: &str| piece.repeat(MEBIBYTE / piece.len());
    let numbered = |piece: &dyn Fn(usize) -> String| {
        let mut page = String::new();
        for number in 0..MEBIBYTE {
            if page.len() >= MEBIBYTE {
                break;
            }
            page.push_str(&piece(number));
        }
        page
    };
    let end = "<form method=post><input type=password name=p></form>";
    [
        ("nested blocks", repeated("<div>")),
        (
            "nested blocks that are closed",
            repeated("<div>") + &"</div>".repeat(MEBIBYTE / 6),
        ),
        ("unclosed formatting", repeated("<b><i><p>")),
        ("formatting closed crosswise", repeated("<b><i></b></i>")),
        ("nested links", repeated("<a href=x><p>")),
        ("paragraphs in buttons", repeated("<button><p>")),
        (
            "end tags of nothing",
            "<div>".repeat(200) + &repeated("</x></p></br>"),
        ),
        ("tables in tables", repeated("<table><td>")),
        ("foster parents", repeated("<table>x<b>")),
        (
            "forms",
            repeated("<form><input name=a type=password></form>"),
        ),
        (
            "fields",
            "<form>".to_owned() + &repeated("<input name=a type=password>"),
        ),
        (
            "options",
            "<form><select name=a>".to_owned() + &repeated("<option selected>x"),
        ),
        (
            "attributes",
            numbered(&|n| {
                if n == 0 {
                    "<a ".to_owned()
                } else {
                    format!("a{n:x} ")
                }
            }) + ">",
        ),
        (
            "attributes of many tags",
            numbered(&|n| {
                if n % 5_000 == 0 {
                    "><a ".to_owned()
                } else {
                    format!("{n:x}/")
                }
            }) + ">",
        ),
        (
            "one attribute again and again",
            "<a ".to_owned() + &repeated("a ") + ">",
        ),
        (
            "names of their own",
            numbered(&|n| format!("<a{n:x}></a{n:x}>")),
        ),
        ("references", repeated("&notit;&a&#x1;")),
        ("a reference without end", "&".to_owned() + &repeated("a")),
        ("nothing but tag openers", repeated("<")),
        ("zeroes", repeated("\0")),
        ("comments without end", repeated("<!--")),
        ("blanks", repeated(" ")),
        ("quotes in names", "<a".to_owned() + &repeated("\"")),
        ("templates", repeated("<template>")),
        ("other worlds", repeated("<svg><foreignobject><math><mi>")),
        (
            "marked text",
            "<h1><p id=login-error class=dex-error-box>".to_owned() + &repeated("x <wbr>"),
        ),
        (
            "escaped scripts",
            "<script>".to_owned() + &repeated("<!--<script></script"),
        ),
    ]
    .map(|(name, mut page)| {
        page.truncate(MEBIBYTE - end.len());
        (name, page + end)
    })
    .into()
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the figures are for whoever asks for them"
)]
fn no_page_takes_more_time_than_its_length_explains() {
    for (name, page) in pathological_pages() {
        let started = std::time::Instant::now();
        let read = self::page(&page);
        let took = started.elapsed();
        let (forms, links) = (read.forms().len(), read.links().len());
        println!("{took:>8.0?}  {name}: {forms} forms, {links} links");
        // Milliseconds in a build for users; minutes by a tree.
        assert!(took.as_secs() < 30, "{name}: {took:?}");
    }
}

#[test]
fn a_page_beyond_all_reason_holds_no_form() {
    let form = "<form method=post><input type=password name=p></form>";
    let deep = |depth: usize| "<div>".repeat(depth) + form;
    assert_eq!(page(&deep(200)).forms().len(), 1);
    assert_eq!(page(&deep(300)).forms().len(), 0);
    assert_eq!(page(&(form.to_owned() + &deep(300))).forms().len(), 0);
    let full = |fields: usize| format!("<form>{}</form>{form}", "<input name=a>".repeat(fields));
    assert_eq!(page(&full(900)).forms().len(), 2);
    assert_eq!(page(&full(1000)).forms().len(), 0);
    // A long comment or picture is no reason.
    let long = "a b/".repeat(4_000);
    assert_eq!(
        page(&format!("<!--{long}--><img src='data:{long}'>{form}"))
            .forms()
            .len(),
        1
    );
}
