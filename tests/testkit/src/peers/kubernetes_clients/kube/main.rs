//! Lists pods as Rust programs do, with `kube`. Each argument is `KUBECONFIG=STEP,STEP…`; a line of JSON answers it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Error};
use serde_json::{Value, json};
use tokio::task::JoinSet;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for argument in std::env::args().skip(1) {
        let (kubeconfig, steps) = argument.split_once('=').expect("KUBECONFIG=STEPS");
        let answers = match connect(kubeconfig).await {
            Ok(client) => take(&client, steps).await,
            Err(error) => vec![json!({"error": error.to_string()})],
        };
        println!("{}", Value::from(answers));
    }
}

async fn connect(kubeconfig: &str) -> Result<Client, Box<dyn std::error::Error>> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

async fn take(client: &Client, steps: &str) -> Vec<Value> {
    let mut answers = Vec::new();
    for step in steps.split(',') {
        match step.split_once(':') {
            Some(("pause", seconds)) => {
                let seconds = seconds.parse().expect("seconds");
                tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            }
            Some(("parallel", number)) => {
                let mut requests = JoinSet::new();
                for _ in 0..number.parse().expect("a number") {
                    let client = client.clone();
                    requests.spawn(async move { list(&client).await });
                }
                answers.extend(requests.join_all().await);
            }
            _ => answers.push(list(client).await),
        }
    }
    answers
}

async fn list(client: &Client) -> Value {
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    match pods.list(&ListParams::default()).await {
        Ok(list) => json!({"status": 200, "pods": list.items.len()}),
        Err(Error::Api(status)) => json!({"status": status.code}),
        Err(error) => json!({"error": error.to_string()}),
    }
}
