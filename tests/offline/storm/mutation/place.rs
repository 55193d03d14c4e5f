//! Redirects: elsewhere, in circles, and to what is no place at all.

use super::{Mutate, with};
use testkit::dice::Dice;
use testkit::http::Response;

/// To where a secret must not go, and would be welcome.
pub(crate) const ELSEWHERE: &[(&str, Mutate)] = &[
    ("a redirect elsewhere", |dice, scene, answer| {
        let place = scene.elsewhere(dice);
        redirect(dice, answer, &place)
    }),
    (
        "a redirect elsewhere that asks for the same again",
        |dice, scene, answer| {
            let place = scene.elsewhere(dice);
            let mut answer = with(answer, "Location", &place);
            answer.status = [307, 308][dice.below(2)];
            answer
        },
    ),
    (
        "the good redirect, at another origin",
        |dice, scene, answer| {
            let good = answer.headers.iter().find(|(name, _)| name == "Location");
            let good =
                good.map_or_else(|| scene.request.target.clone(), |(_, place)| place.clone());
            let path = good.strip_prefix(&scene.own).unwrap_or(&good).to_owned();
            let origin = &scene.elsewhere[dice.below(scene.elsewhere.len())];
            let place = if path.starts_with('/') {
                format!("{origin}{path}")
            } else {
                origin.clone()
            };
            redirect(dice, answer, &place)
        },
    ),
    (
        "an authorization request elsewhere",
        |dice, scene, answer| {
            let origin = &scene.elsewhere[dice.below(scene.elsewhere.len())];
            let back = format!("{}/oauth2/callback", scene.own);
            let place = format!(
                "{origin}/dex/auth?client_id=kubeflow&redirect_uri={back}&response_type=code&scope=openid&state=abc"
            );
            redirect(dice, answer, &place)
        },
    ),
];

pub(crate) const ALL: &[(&str, Mutate)] = &[
    ("a callback of nobody's", |dice, scene, answer| {
        let path = dice.pick(&[
            "/oauth2/callback?code=x&state=y",
            "/authservice/oidc/callback?code=x&state=y",
            "/callback?error=access_denied&state=y",
        ]);
        let place = format!("{}{path}", scene.own);
        redirect(dice, answer, &place)
    }),
    ("a circle", |dice, scene, answer| {
        let place = scene.request.target.clone();
        redirect(dice, answer, &place)
    }),
    ("a circle that grows", |dice, scene, answer| {
        let join = if scene.request.target.contains('?') {
            '&'
        } else {
            '?'
        };
        let place = format!("{}{join}again={}", scene.request.target, dice.below(1000));
        redirect(dice, answer, &place)
    }),
    ("a redirect to no place", |dice, scene, answer| {
        let host = scene.elsewhere[0].split("://").nth(1).unwrap_or_default();
        let places = [
            "",
            " ",
            "#",
            "?",
            "//",
            "///",
            "javascript:alert(1)",
            "data:text/html,<form>",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
            "http:",
            "http://",
            "https://",
            "http://[::1",
            "http://127.0.0.1:0/",
            "http://127.0.0.1:99999/",
            "http://\u{fc}\u{df}.example:1/",
            "http://127.0.0.1:1/",
            "unix:/var/run/docker.sock",
            "gopher://127.0.0.1:1/",
            "mailto:a@example.com",
            "about:blank",
            "\\\\127.0.0.1:1\\",
            "http://%00/",
            "http://a b/",
            "..//../..",
        ]
        .map(str::to_owned);
        let more = [
            format!("//{host}/dex/auth"),
            format!("\\\\{host}/dex/auth"),
            format!("http:{host}/"),
            format!("HTTP://{host}/"),
            format!("http:/{host}/"),
            format!("http://user:secret@{host}/"),
            format!("http://127.0.0.1@{host}/"),
            format!("\t//{host}"),
            format!("/\\{host}/"),
            format!("http://{host}\\@127.0.0.1/"),
        ];
        let all: Vec<&str> = places.iter().chain(&more).map(String::as_str).collect();
        let place = dice.pick(&all).to_owned();
        redirect(dice, answer, &place)
    }),
    ("a long redirect", |dice, scene, answer| {
        let place = format!(
            "{}?{}",
            scene.request.path(),
            "a".repeat(1000 << dice.below(7))
        );
        redirect(dice, answer, &place)
    }),
    ("two redirects in one", |dice, scene, answer| {
        let place = scene.elsewhere(dice);
        let mut answer = answer.header("Location", &place).header("location", "/");
        answer.status = [301, 302, 303][dice.below(3)];
        answer
    }),
    (
        "a header smuggled into a redirect",
        |dice, scene, answer| {
            let place = scene.elsewhere(dice);
            redirect(
                dice,
                answer,
                &format!("/a\r\nLocation: {place}\r\nSet-Cookie: smuggled=1"),
            )
        },
    ),
    ("a secret in a redirect", |dice, scene, answer| {
        let echo = scene.echo(dice).replace(['\r', '\n'], " ");
        let place = match dice.below(3) {
            0 => format!("/{echo}"),
            1 => format!("http://{}/", echo.replace(' ', ".")),
            _ => format!("/?said={echo}"),
        };
        redirect(dice, answer, &place)
    }),
    ("a refresh in the page", |dice, scene, _| {
        let place = scene.elsewhere(dice);
        Response::html(
            200,
            format!(
                "<meta http-equiv=refresh content='0;url={place}'><script>location='{place}'</script>"
            ),
        )
    }),
];

fn redirect(dice: &mut Dice, answer: Response, place: &str) -> Response {
    let status = [301, 302, 303, 302, 307, 308][dice.below(6)];
    let mut answer = with(answer, "Location", place);
    answer.status = status;
    answer
}
