//! A stored token is answered for the account that it was made for, and for no other.

use super::*;
use testkit::binary;

/// Writes one context behind IAP whose tokens are stored.
fn storing(machine: &Machine, keys: &str) {
    machine.sandbox.config(&format!(
        "apiVersion: kfp-credential/v1\n\
         kind: Config\n\
         current-context: machine\n\
         contexts:\n\
         - name: machine\n\
         \x20 endpoint: https://{IAP_HOST}/pipeline\n\
         \x20 store: file\n\
         \x20 iap: {{ client-id: {IAP_CLIENT}{keys} }}\n"
    ));
}

/// Gets a token, of the store or new, and tells whose it is.
#[track_caller]
fn principal(machine: &Machine) -> Value {
    let output = machine.sandbox.run(&["get"]).assert_success();
    output.json()["status"]["kfp"]["principal"].clone()
}

#[test]
fn another_accounts_file_at_the_same_path_is_another_account() {
    let machine = Machine::new();
    storing(&machine, "");
    for account in [SERVICE_ACCOUNT, TARGET_ACCOUNT, SERVICE_ACCOUNT] {
        machine.adc(&files::service_account(account));
        assert_eq!(principal(&machine), account);
    }
    // The first one's was still there.
    assert_eq!(machine.asked(), [TOKEN, TOKEN]);
}

#[test]
fn a_relative_path_in_another_folder_is_another_file() {
    for variable in ["GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_CONFIG"] {
        let machine = Machine::new();
        storing(&machine, "");
        for account in [SERVICE_ACCOUNT, TARGET_ACCOUNT] {
            let name = account.split('@').next().unwrap();
            let file = format!("{name}/application_default_credentials.json");
            let key = files::service_account(account).to_string();
            let folder = machine.sandbox.file(&file, key);
            let folder = folder.parent().unwrap().to_string_lossy().into_owned();
            let value = match variable {
                "CLOUDSDK_CONFIG" => ".",
                _ => "application_default_credentials.json",
            };
            let go = machine.sandbox.file(
                "go",
                format!("#!/bin/sh\ncd '{folder}' && exec '{}' \"$@\"\n", binary()),
            );
            let output = machine
                .sandbox
                .command(&["get"])
                .env(variable, value)
                .by(&made_runnable(go))
                .run()
                .assert_success();
            let kfp = output.json()["status"]["kfp"].clone();
            assert_eq!(kfp["principal"], account, "{variable}");
        }
    }
}

fn made_runnable(program: std::path::PathBuf) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("a mode");
    program
}

#[test]
fn an_impersonation_through_another_accounts_file_is_another_one() {
    let machine = Machine::new();
    storing(
        &machine,
        &format!(", service-account: {{ impersonate: {TARGET_ACCOUNT} }}"),
    );
    machine.adc(&files::service_account(SERVICE_ACCOUNT));
    assert_eq!(principal(&machine), TARGET_ACCOUNT);
    // This one has no right to it, and must not live on the other's.
    let creators = vec![(SERVICE_ACCOUNT, TARGET_ACCOUNT)];
    machine
        .google
        .behave(|google| google.token_creators = Some(creators));
    machine.adc(&files::service_account(MACHINE_ACCOUNT));
    let output = machine.sandbox.run(&["get"]);
    output.assert_error(5, "oauth-refused");
}

#[test]
fn another_metadata_server_is_another_account() {
    let machine = Machine::new();
    storing(&machine, "");
    machine.use_metadata_server();
    assert_eq!(principal(&machine), MACHINE_ACCOUNT);
    machine.sandbox.env("GCE_METADATA_HOST", "127.0.0.1:1");
    let output = machine.sandbox.run(&["get"]);
    output.assert_error(3, "google-credentials-missing");
}

#[test]
fn another_pod_on_one_home_is_another_account() {
    let machine = Machine::new();
    storing(&machine, "");
    machine.use_metadata_server();
    assert_eq!(principal(&machine), MACHINE_ACCOUNT);
    // A pod of another name, whose service account Google knows nothing of.
    machine
        .google
        .behave(|google| google.no_machine_account = true);
    assert_eq!(principal(&machine), MACHINE_ACCOUNT);
    let pod = machine.sandbox.file(
        "pod",
        format!(
            "#!/bin/sh\nexec unshare --user --map-root-user --uts \
             sh -c 'echo other > /proc/sys/kernel/hostname && exec \"$@\"' sh '{}' \"$@\"\n",
            binary()
        ),
    );
    let run = machine.sandbox.command(&["get"]).by(&made_runnable(pod));
    run.run().assert_error(3, "google-credentials-missing");
}

#[test]
fn a_file_that_comes_through_a_pipe_is_read_once_and_known_by_what_it_holds() {
    let machine = Machine::new();
    storing(&machine, "");
    for account in [SERVICE_ACCOUNT, TARGET_ACCOUNT, SERVICE_ACCOUNT] {
        let key = machine
            .sandbox
            .file("key.json", files::service_account(account).to_string());
        // As a shell's `<(...)` gives it.
        let through = machine.sandbox.file(
            "through",
            format!(
                "#!/bin/sh\ncat '{}' | GOOGLE_APPLICATION_CREDENTIALS=/dev/fd/0 '{}' \"$@\"\n",
                key.display(),
                binary()
            ),
        );
        let run = machine.sandbox.command(&["get"]);
        let output = run.by(&made_runnable(through)).run().assert_success();
        let kfp = output.json()["status"]["kfp"].clone();
        assert_eq!(kfp["principal"], account);
    }
    assert_eq!(machine.asked(), [TOKEN, TOKEN]);
}
