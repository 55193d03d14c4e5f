import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import java.io.File;
import java.util.Map;

/** Lists pods with io.fabric8:kubernetes-client. */
final class Fabric8Client {
  public static void main(String[] arguments) {
    Scenes.play(arguments, Fabric8Client::connect);
  }

  private static Scenes.Client connect(String path) {
    Config config = Config.fromKubeconfig(new File(path));
    KubernetesClient client = new KubernetesClientBuilder().withConfig(config).build();
    return () -> {
      try {
        int pods = client.pods().inNamespace("default").list().getItems().size();
        return Map.of("status", 200, "pods", pods);
      } catch (KubernetesClientException error) {
        return error.getCode() > 0 ? Map.of("status", error.getCode()) : Scenes.failure(error);
      }
    };
  }
}
