//! The configuration that Istio makes of a stock Kubeflow's policies, as Envoy reads it:
//!
//! | of Kubeflow's manifests | becomes |
//! | --- | --- |
//! | `AuthorizationPolicy istio-ingressgateway-oauth2-proxy` (CUSTOM) | rbac with shadow rules, ext_authz |
//! | `RequestAuthentication dex-jwt` | jwt_authn |
//! | `AuthorizationPolicy istio-ingressgateway-require-jwt` (DENY) | rbac |

use serde_json::{Value, json};
use url::Url;

use super::{Backends, Trusted};

/// Is what Istio calls the policy that sends a request to oauth2-proxy.
const CUSTOM: &str = "istio-ext-authz-ns[istio-system]-policy[oauth2-proxy]-rule[0]";

/// Makes a whole configuration: one listener, and a cluster for each backend and issuer.
pub(super) fn config(
    port: u16,
    backends: &Backends,
    trusted: &[Trusted],
    clock_skew: u32,
) -> Value {
    let mut clusters = vec![
        cluster("dex", &backends.dex),
        cluster("oauth2-proxy", &backends.oauth2_proxy),
        cluster("application", &backends.application),
    ];
    let keys = trusted.iter().enumerate();
    clusters.extend(keys.map(|(number, one)| cluster(&keys_of(number), &one.keys)));
    json!({
        "static_resources": {
            "listeners": [{
                "name": "ingressgateway",
                "address": address("127.0.0.1", port),
                "filter_chains": [{"filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": connections(backends, trusted, clock_skew),
                }]}],
            }],
            "clusters": clusters,
        },
    })
}

fn connections(backends: &Backends, trusted: &[Trusted], clock_skew: u32) -> Value {
    let route = |prefix: &str, cluster: &str| json!({"match": {"prefix": prefix}, "route": {"cluster": cluster, "timeout": "0s"}});
    json!({
        "@type": kind("network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "ingressgateway",
        "server_name": "istio-envoy",
        "normalize_path": true,
        "route_config": {"virtual_hosts": [{
            "name": "kubeflow",
            "domains": ["*"],
            "routes": [
                route("/dex/", "dex"), route("/oauth2/", "oauth2-proxy"), route("/", "application"),
            ],
        }]},
        "http_filters": [
            filter("rbac", "rbac.v3.RBAC", &who_is_to_be_asked()),
            filter("ext_authz", "ext_authz.v3.ExtAuthz", &ask_oauth2_proxy(backends)),
            filter("jwt_authn", "jwt_authn.v3.JwtAuthentication", &who_it_is(trusted, clock_skew)),
            filter("rbac", "rbac.v3.RBAC", &nobody_without_a_jwt()),
            filter("router", "router.v3.Router", &json!({})),
        ],
    })
}

/// Marks what is to be shown to oauth2-proxy: neither its own pages nor Dex's, and nothing that
/// brings an `Authorization` header.
fn who_is_to_be_asked() -> Value {
    let has_header = json!({"header": {"name": "authorization", "present_match": true}});
    json!({
        "shadow_rules": {
            "action": "DENY",
            "policies": {CUSTOM: {
                "permissions": [not_a_page_of_the_login()],
                "principals": [{"not_id": has_header}],
            }},
        },
        "shadow_rules_stat_prefix": "istio_ext_authz_",
    })
}

fn ask_oauth2_proxy(backends: &Backends) -> Value {
    let names = |names: &[&str]| {
        let patterns: Vec<Value> = names
            .iter()
            .map(|name| json!({"exact": name, "ignore_case": true}))
            .collect();
        json!({"patterns": patterns})
    };
    json!({
        "transport_api_version": "V3",
        "filter_enabled_metadata": {
            "filter": "envoy.filters.http.rbac",
            "path": [{"key": "istio_ext_authz_shadow_effective_policy_id"}],
            "value": {"string_match": {"prefix": "istio-ext-authz"}},
        },
        "status_on_error": {"code": "Forbidden"},
        "http_service": {
            "server_uri": {
                "uri": backends.oauth2_proxy, "cluster": "oauth2-proxy", "timeout": "600s",
            },
            "authorization_response": {
                "allowed_client_headers": names(&["content-type", "location", "set-cookie"]),
                "allowed_upstream_headers": names(&[
                    "authorization", "path",
                    "x-auth-request-email", "x-auth-request-groups", "x-auth-request-user",
                ]),
            },
        },
        "allowed_headers": names(&["authorization", "cookie"]),
    })
}

/// Takes a JWT of any trusted issuer, and lets pass what brings none.
fn who_it_is(trusted: &[Trusted], clock_skew: u32) -> Value {
    let name = |number: usize| format!("origins-{number}");
    let providers = trusted.iter().enumerate().map(|(number, one)| {
        let headers = one
            .headers
            .iter()
            .map(|(claim, header)| json!({"header_name": header, "claim_name": claim}));
        let provider = json!({
            "issuer": one.issuer,
            "audiences": one.audiences,
            "remote_jwks": {
                "http_uri": {"uri": one.keys, "cluster": keys_of(number), "timeout": "5s"},
                "cache_duration": "600s",
                // Istio's own control plane has asked for the keys before the gateway starts.
                "async_fetch": {},
            },
            "forward": true,
            "from_headers": [{"name": "Authorization", "value_prefix": "Bearer "}],
            "claim_to_headers": headers.collect::<Vec<_>>(),
            "payload_in_metadata": "payload",
            "clock_skew_seconds": clock_skew,
        });
        (name(number), provider)
    });
    let any = (0..trusted.len()).map(|number| json!({"provider_name": name(number)}));
    let any: Vec<Value> = any.chain([json!({"allow_missing": {}})]).collect();
    json!({
        "providers": providers.collect::<serde_json::Map<_, _>>(),
        "rules": [{
            "match": {"prefix": "/"},
            "requires": {"requires_any": {"requirements": any}},
        }],
    })
}

fn nobody_without_a_jwt() -> Value {
    let somebody = json!({"metadata": {
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": "payload"}, {"key": "sub"}],
        "value": {"string_match": {"safe_regex": {"regex": ".+"}}},
    }});
    json!({"rules": {
        "action": "DENY",
        "policies": {"ns[istio-system]-policy[istio-ingressgateway-require-jwt]-rule[0]": {
            "permissions": [not_a_page_of_the_login()],
            "principals": [{"not_id": somebody}],
        }},
    }})
}

fn not_a_page_of_the_login() -> Value {
    let below = |path: &str| json!({"url_path": {"path": {"prefix": path}}});
    json!({"not_rule": {"or_rules": {"rules": [below("/dex/"), below("/oauth2/")]}}})
}

fn filter(name: &str, message: &str, content: &Value) -> Value {
    let mut typed = content.clone();
    typed["@type"] = kind(&format!("http.{message}")).into();
    json!({"name": format!("envoy.filters.http.{name}"), "typed_config": typed})
}

fn kind(message: &str) -> String {
    format!("type.googleapis.com/envoy.extensions.filters.{message}")
}

fn keys_of(number: usize) -> String {
    format!("keys-{number}")
}

/// Makes a cluster of one address; an origin with a path is where the path's server is.
fn cluster(name: &str, origin: &str) -> Value {
    let url = Url::parse(origin).expect("an origin");
    let host = url.host_str().expect("a host");
    let port = url.port_or_known_default().expect("a port");
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{
            "lb_endpoints": [{"endpoint": {"address": address(host, port)}}],
        }]},
    })
}

fn address(host: &str, port: u16) -> Value {
    json!({"socket_address": {"address": host, "port_value": port}})
}
