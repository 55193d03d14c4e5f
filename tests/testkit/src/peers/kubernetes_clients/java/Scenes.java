import com.google.gson.Gson;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;

/** What both clients do: each argument is KUBECONFIG=STEP,STEP…; a line of JSON answers it. */
final class Scenes {
  /** Lists pods; the answer tells the status. */
  interface Client {
    Map<String, Object> list();
  }

  interface Connect {
    Client to(String kubeconfig) throws Exception;
  }

  static void play(String[] arguments, Connect connect) {
    for (String argument : arguments) {
      String[] parts = argument.split("=", 2);
      List<Object> answers = new ArrayList<>();
      try {
        Client client = connect.to(parts[0]);
        for (String step : parts[1].split(",")) {
          take(client, step.split(":"), answers);
        }
      } catch (Exception error) {
        answers.add(failure(error));
      }
      System.out.println(new Gson().toJson(answers));
    }
    System.exit(0); // the clients' threads would live on
  }

  static Map<String, Object> failure(Exception error) {
    return Map.of("error", String.valueOf(error.getMessage()));
  }

  private static void take(Client client, String[] step, List<Object> answers) throws Exception {
    switch (step[0]) {
      case "pause" -> Thread.sleep((long) (Double.parseDouble(step[1]) * 1000));
      case "parallel" -> {
        int number = Integer.parseInt(step[1]);
        var threads = Executors.newFixedThreadPool(number);
        List<Callable<Object>> requests = new ArrayList<>();
        for (int i = 0; i < number; i++) {
          requests.add(client::list);
        }
        for (var answer : threads.invokeAll(requests)) {
          answers.add(answer.get());
        }
        threads.shutdown();
      }
      default -> answers.add(client.list());
    }
  }

  private Scenes() {}
}
