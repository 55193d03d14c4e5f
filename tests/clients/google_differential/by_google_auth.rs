//! Beside google-auth: each kind of credential that needs no person.

use super::*;

/// Compares `get` with google-auth, given the same credentials.
#[track_caller]
fn against_google_auth(
    credentials: Option<&Value>,
    of_ours: impl FnOnce(Ours<'_>) -> Ours<'_>,
    args: &[&str],
    listed: &[&[Difference]],
) {
    let google = Google::default();
    let Some(token) = google_auth(&google, credentials, args) else {
        return;
    };
    assert!(token.starts_with("ya29.") || jwt::GOOGLE.verify(&token).is_ok());
    let theirs = asked(&google);
    let ours = of_ours(Ours::new(&google).with(credentials)).get();
    compare(ours, theirs, listed);
}

const TO_IAP: [&str; 2] = ["fetch_id_token", IAP_CLIENT];

#[test]
fn id_token_of_a_key_file() {
    let key = files::service_account(SERVICE_ACCOUNT);
    against_google_auth(
        Some(&key),
        |ours| ours.iap(""),
        &TO_IAP,
        &[
            &REQUESTS,
            &TRIED_AT_IAP,
            &[telemetry(
                0,
                "gl-python/N auth/N auth-request-type/it cred-type/sa",
            )],
        ],
    );
}

#[test]
fn access_token_of_a_key_file() {
    let key = files::service_account(SERVICE_ACCOUNT);
    against_google_auth(
        Some(&key),
        |ours| ours.gcp(""),
        &["access_token"],
        &[
            &REQUESTS,
            &TRIED_AT_PIPELINES,
            &[telemetry(
                0,
                "gl-python/N auth/N auth-request-type/at cred-type/sa",
            )],
        ],
    );
}

#[test]
fn id_token_of_the_metadata_server() {
    against_google_auth(
        None,
        |ours| ours.iap(""),
        &TO_IAP,
        &[
            &REQUESTS,
            &TRIED_AT_IAP,
            &[
                WHOSE,
                IS_THERE,
                ACCOUNT,
                telemetry(0, "gl-python/N auth/N auth-request-type/it cred-type/mds"),
            ],
        ],
    );
}

#[test]
fn access_token_of_the_metadata_server() {
    against_google_auth(
        None,
        |ours| ours.gcp(""),
        &["access_token"],
        &[
            &REQUESTS,
            &TRIED_AT_PIPELINES,
            &[
                WHOSE,
                IS_THERE,
                ACCOUNT,
                PROJECT,
                telemetry(0, "gl-python/N auth/N auth-request-type/at cred-type/mds"),
            ],
        ],
    );
}

#[test]
fn id_token_of_an_impersonated_account() {
    let key = files::service_account(SERVICE_ACCOUNT);
    let by_way = format!("projects/-/serviceAccounts/{MACHINE_ACCOUNT}");
    let keys = format!(
        ", service-account: {{ impersonate: {TARGET_ACCOUNT}, delegates: [{MACHINE_ACCOUNT}] }}"
    );
    let args = ["impersonated_id_token", IAP_CLIENT, TARGET_ACCOUNT, &by_way];
    against_google_auth(
        Some(&key),
        |ours| ours.iap(&keys),
        &args,
        &[
            &REQUESTS,
            &TRIED_AT_IAP,
            &KEY_FOR_ANOTHER,
            &[telemetry(
                1,
                "gl-python/N auth/N auth-request-type/it cred-type/imp cred-type/sa",
            )],
        ],
    );
}

#[test]
fn id_token_of_gclouds_impersonation_file() {
    let file = gclouds_impersonation();
    against_google_auth(
        Some(&file),
        |ours| ours.iap(""),
        &TO_IAP,
        &[
            &REQUESTS,
            &TRIED_AT_IAP,
            &KEY_FOR_ANOTHER,
            &[telemetry(
                1,
                "gl-python/N auth/N auth-request-type/it cred-type/imp cred-type/sa",
            )],
        ],
    );
}

#[test]
fn access_token_of_gclouds_impersonation_file() {
    let file = gclouds_impersonation();
    against_google_auth(
        Some(&file),
        |ours| ours.gcp(""),
        &["access_token"],
        &[
            &REQUESTS,
            &TRIED_AT_PIPELINES,
            &KEY_FOR_ANOTHER,
            &[telemetry(
                1,
                "gl-python/N auth/N auth-request-type/at cred-type/imp",
            )],
        ],
    );
}

#[test]
fn access_token_of_an_external_account() {
    let subject = subject_token();
    let file = files::external_account(&json!({"file": subject.path()}), Some(TARGET_ACCOUNT));
    against_google_auth(
        Some(&file),
        |ours| ours.gcp(""),
        &["access_token"],
        &[
            &REQUESTS,
            &TRIED_AT_PIPELINES,
            &[
                source_scope("form scope"),
                telemetry(
                    0,
                    "gl-python/N auth/N google-byoid-sdk sa-impersonation/true config-lifetime/false source/file",
                ),
                telemetry(1, "gl-python/N auth/N auth-request-type/at cred-type/imp"),
                of(
                    1,
                    "json delegates",
                    "[]",
                    "null",
                    "no delegates, written in two ways",
                ),
            ],
        ],
    );
}

#[test]
fn access_token_of_an_external_account_by_itself() {
    let subject = subject_token();
    let file = files::external_account(&json!({"file": subject.path()}), None);
    against_google_auth(
        Some(&file),
        |ours| ours.gcp(""),
        &["access_token"],
        &[
            &REQUESTS,
            &TRIED_AT_PIPELINES,
            &[telemetry(
                0,
                "gl-python/N auth/N google-byoid-sdk sa-impersonation/false config-lifetime/false source/file",
            )],
        ],
    );
}

#[test]
fn id_token_of_an_external_account() {
    let subject = subject_token();
    let file = files::external_account(&json!({"file": subject.path()}), None);
    let keys = format!(", service-account: {{ impersonate: {TARGET_ACCOUNT} }}");
    let args = ["impersonated_id_token", IAP_CLIENT, TARGET_ACCOUNT];
    against_google_auth(
        Some(&file),
        |ours| ours.iap(&keys),
        &args,
        &[
            &REQUESTS,
            &TRIED_AT_IAP,
            &[
                source_scope("form scope"),
                telemetry(
                    0,
                    "gl-python/N auth/N google-byoid-sdk sa-impersonation/false config-lifetime/false source/file",
                ),
                telemetry(1, "gl-python/N auth/N auth-request-type/it cred-type/imp"),
            ],
        ],
    );
}

fn gclouds_impersonation() -> Value {
    let key = files::service_account(SERVICE_ACCOUNT);
    let by_way = format!("projects/-/serviceAccounts/{MACHINE_ACCOUNT}");
    files::impersonated(TARGET_ACCOUNT, &[&by_way], &key)
}

fn subject_token() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), SUBJECT_TOKEN).expect("a subject token");
    file
}

#[test]
fn subject_token_of_a_url() {
    let google = Google::default();
    let format = json!({"type": "json", "subject_token_field_name": "access_token"});
    let server = Server::start(|_| {
        let answer = json!({"access_token": SUBJECT_TOKEN});
        testkit::http::Response::json(200, answer.to_string())
    });
    let asked_there = || {
        let requests = server.requests();
        server.clear();
        let seen = requests.into_iter().map(|request| Seen {
            host: "identity-provider".to_owned(),
            request,
        });
        all_of(&seen.collect::<Vec<_>>())
    };
    let url = format!("{}/token?resource=a%20b", server.origin());
    let source = json!({"url": url, "headers": {"Metadata": "True"}, "format": format});
    let file = files::external_account(&source, Some(TARGET_ACCOUNT));
    if google_auth(&google, Some(&file), &["access_token"]).is_none() {
        return;
    }
    let theirs = asked_there();
    Ours::new(&google).with(Some(&file)).gcp("").get();
    compare(asked_there(), theirs, &[&REQUESTS]);
}

#[test]
fn access_token_of_a_persons_default_credentials() {
    let google = Google::default();
    let file = files::authorized_user(&google.refresh_token_for(USER, CLOUD_PLATFORM));
    if google_auth(&google, Some(&file), &["access_token"]).is_none() {
        return;
    }
    let theirs = asked(&google);
    let ours = Ours::new(&google).with(Some(&file)).gcp("").get();
    compare(
        ours,
        theirs,
        &[
            &REQUESTS,
            &TRIED_AT_PIPELINES,
            &[telemetry(0, "gl-python/N auth/N cred-type/u")],
        ],
    );
}
