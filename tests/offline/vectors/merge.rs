//! How a vector's document is made of its base.

use serde_json::json;

use testkit::bases::{merged, with_documents};

#[test]
fn a_merge_patch_is_applied_as_the_rfc_shows() {
    // RFC 7396, appendix A.
    for (target, patch, wanted) in [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (
            json!({"a": "b"}),
            json!({"b": "c"}),
            json!({"a": "b", "b": "c"}),
        ),
        (json!({"a": "b"}), json!({"a": null}), json!({})),
        (
            json!({"a": "b", "b": "c"}),
            json!({"a": null}),
            json!({"b": "c"}),
        ),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
        (
            json!({"a": {"b": "c"}}),
            json!({"a": {"b": "d", "c": null}}),
            json!({"a": {"b": "d"}}),
        ),
        (
            json!({"a": [{"b": "c"}]}),
            json!({"a": [1]}),
            json!({"a": [1]}),
        ),
        (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"]), json!(["c"])),
        (json!({"a": "foo"}), json!(null), json!(null)),
        (json!({"a": "foo"}), json!("bar"), json!("bar")),
        (
            json!({"e": null}),
            json!({"a": 1}),
            json!({"e": null, "a": 1}),
        ),
        (
            json!([1, 2]),
            json!({"a": "b", "c": null}),
            json!({"a": "b"}),
        ),
        (
            json!({}),
            json!({"a": {"bb": {"ccc": null}}}),
            json!({"a": {"bb": {}}}),
        ),
    ] {
        assert_eq!(merged(target, patch.clone()), wanted, "{patch}");
    }
}

#[test]
fn a_vector_has_the_document_that_its_base_and_change_make() {
    let vector = json!({"helper": [{"base": "bearer", "change": {"status": {"kfp": null}}}]});
    let told = with_documents(vector);
    let answer = &told["helper"][0];
    assert_eq!(answer["document"]["kind"], "ExecCredential");
    assert_eq!(answer["document"]["status"].get("kfp"), None);
    assert_eq!(answer.get("base").or(answer.get("change")), None);
}
