//! What a hostile server makes of a good answer. Each mutation is a small function of its own; the dice choose one, and
//! what it leaves open.

mod body;
mod cookie;
mod json;
mod place;
mod status;
mod wire;

use testkit::dice::Dice;
use testkit::http::{Request, Response};

/// Is where an answer is given.
pub(crate) struct Scene<'a> {
    /// What was asked.
    pub(crate) request: &'a Request,
    /// The origin that was asked.
    pub(crate) own: String,
    /// Origins that must never see a secret.
    pub(crate) elsewhere: &'a [String],
}

impl Scene<'_> {
    /// Gives the URL of another origin, of the same path and query more often than not.
    fn elsewhere(&self, dice: &mut Dice) -> String {
        let origin = &self.elsewhere[dice.below(self.elsewhere.len())];
        match dice.below(4) {
            0 => format!("{origin}/"),
            1 => format!("{origin}/dex/auth/local/login?back=&state=x"),
            _ => format!("{origin}{}", self.request.target),
        }
    }

    /// Gives what the client has just sent, in a form that a server may well send back: a secret more often than not.
    fn echo(&self, dice: &mut Dice) -> String {
        let body = self.request.text();
        let headers = self.request.headers.iter();
        let headers: String = headers
            .map(|(name, value)| format!("{name}: {value} "))
            .collect();
        let decoded: String = url::form_urlencoded::parse(&self.request.body)
            .map(|(name, value)| format!("{name}: {value} "))
            .collect();
        match dice.below(3) {
            0 if !body.is_empty() => body,
            1 if !body.is_empty() => decoded,
            _ => headers,
        }
    }
}

/// Makes a bad answer of a good one.
pub(crate) type Mutate = fn(&mut Dice, &Scene<'_>, Response) -> Response;

/// Is mutations of one kind.
pub(crate) type Family = &'static [(&'static str, Mutate)];

/// Is what is done to pages, the more often the more there is to lose.
pub(crate) const OF_PAGES: &[Family] = &[
    status::ALL,
    place::ELSEWHERE,
    place::ELSEWHERE,
    place::ALL,
    cookie::ALL,
    body::ALL,
    body::ALL,
    body::LARGE,
    wire::ALL,
];

/// Is what is done to answers in JSON.
pub(crate) const OF_JSON: &[Family] = &[
    status::ALL,
    place::ELSEWHERE,
    place::ALL,
    json::ALL,
    json::ALL,
    body::ALL,
    body::LARGE,
    wire::ALL,
];

/// Is a mutation that the dice have chosen.
#[derive(Clone)]
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    mutate: Mutate,
    dice: Dice,
}

impl Mutation {
    /// Chooses one.
    pub(crate) fn choose(dice: &mut Dice, families: &[Family]) -> Self {
        let family = families[dice.below(families.len())];
        let (name, mutate) = family[dice.below(family.len())];
        Self {
            name,
            mutate,
            dice: dice.others(),
        }
    }

    /// Changes an answer.
    pub(crate) fn apply(&self, scene: &Scene<'_>, good: Response) -> Response {
        (self.mutate)(&mut self.dice.clone(), scene, good)
    }
}

/// Puts a header in the place of all of its name.
fn with(mut answer: Response, name: &str, value: &str) -> Response {
    let is_other = |(key, _): &(String, String)| !key.eq_ignore_ascii_case(name);
    answer.headers.retain(is_other);
    answer.header(name, value)
}

/// Gives an answer without the headers that tell what its body is.
fn bare(mut answer: Response) -> Response {
    answer.headers.retain(|(name, _)| {
        !["content-type", "content-length", "content-encoding"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
    });
    answer
}

/// Makes noise that can be read: letters, now and then a control character.
fn noise(dice: &mut Dice, count: usize) -> String {
    let letters = dice.bytes(count).into_iter();
    letters.map(|byte| char::from(byte % 0x60 + 0x1f)).collect()
}
