import io.kubernetes.client.openapi.ApiException;
import io.kubernetes.client.openapi.apis.CoreV1Api;
import io.kubernetes.client.util.ClientBuilder;
import io.kubernetes.client.util.KubeConfig;
import java.io.File;
import java.io.FileReader;
import java.util.Map;

/** Lists pods with io.kubernetes:client-java. */
final class OfficialClient {
  public static void main(String[] arguments) {
    Scenes.play(arguments, OfficialClient::connect);
  }

  private static Scenes.Client connect(String path) throws Exception {
    KubeConfig config = KubeConfig.loadKubeConfig(new FileReader(path));
    config.setFile(new File(path));
    CoreV1Api api = new CoreV1Api(ClientBuilder.kubeconfig(config).build());
    return () -> {
      try {
        int pods = api.listNamespacedPod("default").execute().getItems().size();
        return Map.of("status", 200, "pods", pods);
      } catch (ApiException error) {
        return error.getCode() > 0 ? Map.of("status", error.getCode()) : Scenes.failure(error);
      }
    };
  }
}
