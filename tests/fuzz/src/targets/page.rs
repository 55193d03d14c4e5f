//! A server's HTML: forms, links, and what the page says.

use kfp_credential::method::dex::page::PageText;
use kfp_credential::secret::Secret;
use url::Url;

const PASSWORD: &str = "correct-horse-7-battery";

pub(crate) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let url = Url::parse("https://kf.example.com/dex/auth/local/login?state=abc").expect("a URL");
    let page = PageText::parse(&url, &text);
    let forms = page.forms().to_vec();
    assert_eq!(PageText::parse(&url, &text).forms().to_vec(), forms);
    for form in &forms {
        for field in &form.fields {
            assert!(!field.name.is_empty());
            assert_eq!(field.kind, field.kind.to_ascii_lowercase());
        }
        let Some(sent) = form.filled("me@example.com", &Secret::new(PASSWORD)) else {
            continue;
        };
        assert!(form.asks_for_password());
        // One field gets the password, and each keeps its place and name.
        assert_eq!(sent.len(), form.fields.len());
        let mut passwords = 0;
        for (field, (name, value)) in form.fields.iter().zip(&sent) {
            assert_eq!(&field.name, name);
            if field.kind == "password" {
                assert_eq!(value.expose(), PASSWORD);
                passwords += 1;
            } else {
                assert!(value.expose() == field.value || value.expose() == "me@example.com");
            }
        }
        assert_eq!(passwords, 1);
    }
    let _ = page.links();
    let error = page.login_error().map(|words| words.to_string());
    for words in [page.words().to_string(), error.unwrap_or_default()] {
        assert_eq!(
            words,
            words.split_whitespace().collect::<Vec<_>>().join(" ")
        );
    }
}
