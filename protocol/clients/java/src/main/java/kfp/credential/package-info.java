/**
 * Calls the Kubeflow Pipelines API with the credential that a credential helper prints.
 *
 * <pre>{@code
 * Helper helper = new Helper("team-a");
 * HttpRequest request = helper.request("/apis/v2beta1/experiments").build();
 * HttpResponse<String> reply = helper.send(request, BodyHandlers.ofString());
 * }</pre>
 *
 * <p>{@link kfp.credential.Helper} is the story; the other files are the steps of a request, in the order in which it
 * takes them.
 */
package kfp.credential;
