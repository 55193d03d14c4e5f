//! A token file, which any program may have written: one token, or an error that does not repeat it.

use kfp_credential::config::method::TokenFile;
use kfp_credential::credential::Material;
use kfp_credential::method::token_file;
use kfp_credential::read_file::PATIENCE;

use crate::oracle;

pub(crate) fn run(bytes: &[u8]) {
    let path = oracle::path("token");
    std::fs::write(&path, bytes).expect("a file");
    let file = TokenFile {
        path,
        audience: bytes
            .first()
            .filter(|byte| **byte == b' ')
            .map(|_| "a".to_owned()),
    };
    let text = String::from_utf8_lossy(bytes);
    let now = chrono::DateTime::from_timestamp(1_700_000_000, 0).expect("now");
    match token_file::read(&file, None, PATIENCE, now) {
        Ok(credential) => {
            let Material::Bearer(token) = &credential.material else {
                panic!("no token");
            };
            assert_eq!(token.expose(), text.trim_start_matches('\u{feff}').trim());
            assert!(token.expose().bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(credential.is_live(now));
        }
        Err(error) => {
            for word in text
                .split_whitespace()
                .filter(|word| oracle::is_secret(word))
            {
                oracle::keeps_silent(&oracle::report(&error), word);
            }
        }
    }
}
