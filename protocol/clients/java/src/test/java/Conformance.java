import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import kfp.credential.Credential;
import kfp.credential.ExecConfig;
import kfp.credential.Helper;
import kfp.credential.HelperException;

/** Does with the client what one JSON object on stdin asks for, and prints what came of it as one JSON value. */
public final class Conformance {
    private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().serializeNulls().create();

    private Conformance() {}

    public static void main(String[] args) throws Exception {
        String text = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        JsonElement answer = answer(JsonParser.parseString(text).getAsJsonObject());
        System.out.write((GSON.toJson(answer) + "\n").getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    private static JsonElement answer(JsonObject input) throws Exception {
        if (input.has("find")) {
            return attempt(Conformance::found);
        }
        if (input.has("documents")) {
            JsonArray results = new JsonArray();
            for (JsonElement document : input.getAsJsonArray("documents")) {
                results.add(attempt(() -> read(document.getAsString())));
            }
            return results;
        }
        return requests(input);
    }

    private static JsonObject found() throws Exception {
        ExecConfig exec = ExecConfig.find();
        JsonObject result = new JsonObject();
        result.addProperty("command", exec.command());
        result.add("args", GSON.toJsonTree(exec.args()));
        return result;
    }

    private static JsonObject read(String text) throws Exception {
        Credential credential = Credential.parse(text.getBytes(StandardCharsets.UTF_8));
        JsonObject result = new JsonObject();
        result.addProperty("ok", true);
        result.addProperty("endpoint", credential.endpoint().toString());
        result.add("headers", GSON.toJsonTree(credential.headers()));
        result.addProperty("expiration", credential.expiration().toString());
        result.addProperty("namespace", credential.namespace().orElse(null));
        return result;
    }

    private static JsonArray requests(JsonObject input) throws Exception {
        JsonArray requests = input.getAsJsonArray("requests");
        int parallel = input.has("parallel") ? input.get("parallel").getAsInt() : 1;
        Duration pause = seconds(input, "pauseSeconds", 0);
        Maker maker = maker(input);
        ExecutorService threads = Executors.newFixedThreadPool(parallel);
        List<Future<JsonArray>> runs = new ArrayList<>();
        for (int i = 0; i < parallel; i++) {
            runs.add(threads.submit(() -> inOrder(maker, input, requests, pause)));
        }
        JsonArray results = new JsonArray();
        for (Future<JsonArray> run : runs) {
            results.addAll(run.get());
        }
        threads.shutdown();
        return results;
    }

    private static JsonArray inOrder(Maker maker, JsonObject input, JsonArray requests, Duration pause)
            throws Exception {
        JsonArray results = new JsonArray();
        for (JsonElement request : requests) {
            if (!results.isEmpty()) {
                Thread.sleep(pause.toMillis());
            }
            results.add(attempt(() -> send(maker.helper(), input, request.getAsJsonObject())));
        }
        return results;
    }

    private static JsonObject send(Helper helper, JsonObject input, JsonObject wanted) throws Exception {
        HttpRequest.Builder builder = helper.request(wanted.get("url").getAsString());
        if (input.has("requestTimeoutSeconds")) {
            builder.timeout(seconds(input, "requestTimeoutSeconds", 0));
        }
        if (wanted.has("headers")) {
            Map<String, JsonElement> headers = wanted.getAsJsonObject("headers").asMap();
            headers.forEach((name, value) -> builder.header(name, value.getAsString()));
        }
        boolean hasBody = wanted.has("body") && !wanted.get("body").isJsonNull();
        builder.method(
                wanted.get("method").getAsString(),
                hasBody ? BodyPublishers.ofString(wanted.get("body").getAsString()) : BodyPublishers.noBody());
        HttpResponse<String> reply = helper.send(builder.build(), BodyHandlers.ofString());
        JsonObject result = new JsonObject();
        result.addProperty("status", reply.statusCode());
        result.addProperty("contentType", reply.headers().firstValue("Content-Type").orElse(null));
        result.addProperty("body", reply.body());
        return result;
    }

    /** Gives the one helper of all requests, or the error in place of it to each. */
    private interface Maker {
        Helper helper() throws HelperException;
    }

    private static Maker maker(JsonObject input) {
        try {
            JsonObject wrapped = new JsonObject();
            wrapped.add("exec", input.get("exec"));
            ExecConfig exec = input.has("exec")
                    ? ExecConfig.parse(wrapped.toString(), "the program", Path.of(""))
                    : ExecConfig.find();
            String context = input.has("context") ? input.get("context").getAsString() : null;
            Duration timeout = seconds(input, "timeoutSeconds", 240);
            Helper helper = new Helper(exec, context, timeout, seconds(input, "retryPauseSeconds", 60));
            return () -> helper;
        } catch (HelperException error) {
            return () -> {
                throw error;
            };
        }
    }

    private static Duration seconds(JsonObject input, String key, double usual) {
        return Duration.ofMillis(Math.round(1000 * (input.has(key) ? input.get(key).getAsDouble() : usual)));
    }

    private interface Action {
        JsonObject run() throws Exception;
    }

    private static JsonObject attempt(Action action) {
        JsonObject result = new JsonObject();
        try {
            return action.run();
        } catch (HelperException error) {
            result.addProperty("error", error.slug());
            error.exitCode().ifPresent(code -> result.addProperty("exit", code));
            result.addProperty("message", error.getMessage());
            error.hint().ifPresent(hint -> result.addProperty("hint", hint));
        } catch (Exception error) {
            result.addProperty("error", "transport");
            result.addProperty("message", error.toString());
        }
        return result;
    }
}
