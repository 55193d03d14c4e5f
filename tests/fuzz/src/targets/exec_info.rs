//! `KUBERNETES_EXEC_INFO`, as any program on the way may have set it.

use kfp_credential::protocol::request::ExecInfo;

pub(crate) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Some(info) = ExecInfo::parse(&text) else {
        return;
    };
    let kind = serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["kind"].clone();
    assert_eq!(kind, "ExecCredential");
    if let Err(error) = info.config() {
        assert_eq!(error.exit_code(), 3);
    }
    match info.server_origin() {
        Ok(origin) => assert_eq!(origin.is_some(), info.server.is_some()),
        Err(error) => assert_eq!(error.exit_code(), 3),
    }
}
