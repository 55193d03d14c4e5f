//! kubectl, the one that the system has and the newest: what people see. A process makes one request, so what client-go
//! does later is in `behaviour.rs`.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::stage::{HelperRun, PODS, Script, Stage, V1, V1BETA1};
use testkit::binary;
use testkit::outside::surround;
use testkit::peers::kubectl::{kubectl, newest};
use testkit::peers::needs;
use testkit::sandbox::Sandbox;

#[test]
fn it_sends_the_token_without_a_word() {
    for kubectl in [needs!(kubectl()), needs!(newest())] {
        let scene = Scene::new(Script {
            who_runs_it: HelperRun::Printed,
            ..Script::new("pod", "")
        });
        let output = scene.run(&kubectl, &[]);
        assert!(output.status.success(), "{output:?}");
        assert!(said(&output.stdout).contains("taxi-fares-0"), "{output:?}");
        assert_eq!(said(&output.stderr), "");
        assert_eq!(scene.stage.authorizations(), [scene.stage.bearer()]);
    }
}

#[test]
fn it_shows_our_words_where_a_context_gives_cookies() {
    for kubectl in [needs!(kubectl()), needs!(newest())] {
        let scene = Scene::new(Script {
            who_runs_it: HelperRun::Printed,
            cookies: true,
            ..Script::new("door", "")
        });
        let words = scene.assert_fails(&kubectl);
        assert!(words.contains("error[format-not-available]"), "{words}");
        assert!(words.contains("hint: "), "{words}");
    }
}

#[test]
fn it_shows_our_words_where_the_server_is_not_listed() {
    for kubectl in [needs!(kubectl()), needs!(newest())] {
        let scene = Scene::new(Script {
            who_runs_it: HelperRun::Printed,
            listed: false,
            ..Script::new("pod", "")
        });
        let words = scene.assert_fails(&kubectl);
        assert!(words.contains("error[exec-server-refused]"), "{words}");
        let line = format!("servers: [\"{}\"]", scene.stage.origin());
        assert!(words.contains(&line), "{words}");
    }
}

#[test]
fn it_runs_us_once_and_tells_the_server() {
    let kubectl = needs!(newest());
    for (version, who_runs_it) in [(V1, HelperRun::Noted), (V1BETA1, HelperRun::NotedV1beta1)] {
        let scene = Scene::new(Script {
            who_runs_it,
            ..Script::new("pod", "")
        });
        let output = scene.run(&kubectl, &[]);
        assert!(output.status.success(), "{output:?}");
        let [run] = &scene.stage.runs()[..] else {
            panic!("{:?}", scene.stage.runs());
        };
        assert_eq!(run.stdin, "empty");
        assert_eq!(run.exec_info["apiVersion"], version);
        assert_eq!(
            run.exec_info["spec"]["cluster"]["server"],
            scene.stage.origin()
        );
    }
}

#[test]
fn five_at_once_get_the_same_answer() {
    let kubectl = needs!(newest());
    let scene = Scene::new(Script::new("pod", ""));
    let children: Vec<Child> = (0..5)
        .map(|_| {
            let mut command = scene.command(&kubectl, &[]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("kubectl")
        })
        .collect();
    let outputs: Vec<Output> = children
        .into_iter()
        .map(|child| child.wait_with_output().expect("kubectl"))
        .collect();
    assert!(
        outputs.iter().all(|one| one.status.success()),
        "{outputs:?}"
    );
    assert_eq!(scene.stage.authorizations(), vec![scene.stage.bearer(); 5]);
    assert_eq!(scene.stage.runs().len(), 5);
}

/// kuberc's allowlist of exec plugins: by a name that is found on `PATH`, or by an absolute path.
#[test]
fn an_allowlist_can_name_us() {
    let kubectl = needs!(newest());
    for (listed, allowed) in [
        ("kfp-credential", true),
        (binary(), true),
        ("some-other-plugin", false),
    ] {
        let scene = Scene::new(Script {
            who_runs_it: HelperRun::Printed,
            ..Script::new("pod", "")
        });
        let kuberc = format!(
            "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n\
             credentialPluginPolicy: Allowlist\n\
             credentialPluginAllowlist: [{{command: \"{listed}\"}}]\n"
        );
        let kuberc = scene.home.file("kuberc", kuberc);
        let output = scene.run(&kubectl, &["--kuberc", &kuberc.to_string_lossy()]);
        assert_eq!(output.status.success(), allowed, "{listed}: {output:?}");
        let words = said(&output.stderr);
        assert_eq!(words.contains("not permitted"), !allowed, "{words}");
        let requests = scene.stage.authorizations();
        assert_eq!(requests.len(), usize::from(allowed), "{requests:?}");
    }
}

// ------------------------------------------------------------------------ helpers

/// Is one user of kubectl and one API server.
struct Scene {
    home: Sandbox,
    stage: Stage,
    kubeconfig: PathBuf,
}

impl Scene {
    fn new(script: Script) -> Self {
        let home = Sandbox::new();
        let stage = Stage::set(&home, script);
        home.config(&format!(
            "apiVersion: kfp-credential/v1\nkind: Config\ncontexts:\n{}",
            stage.context()
        ));
        let kubeconfig = stage.kubeconfig(&home);
        Self {
            home,
            stage,
            kubeconfig,
        }
    }

    fn command(&self, kubectl: &Path, options: &[&str]) -> Command {
        let mut command = Command::new(kubectl);
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(["get", "--raw", PODS])
            .args(options);
        surround(&mut command, &self.home);
        command
    }

    fn run(&self, kubectl: &Path, options: &[&str]) -> Output {
        let output = self.command(kubectl, options).output().expect("kubectl");
        let stderr = said(&output.stderr);
        let bearer = self.stage.bearer();
        let token = bearer.trim_start_matches("Bearer ");
        assert!(!stderr.contains(token), "{stderr}");
        output
    }

    /// Asserts that nothing was asked of the API server; returns what the user sees.
    fn assert_fails(&self, kubectl: &Path) -> String {
        let output = self.run(kubectl, &[]);
        assert!(!output.status.success(), "{output:?}");
        assert!(self.stage.authorizations().is_empty());
        said(&output.stderr)
    }
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
