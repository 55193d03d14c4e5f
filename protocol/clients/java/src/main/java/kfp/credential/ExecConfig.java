package kfp.credential;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Which helper to run (protocol/exec.schema.json). Its variables are private: they may be secrets. */
public final class ExecConfig {
    private static final String VARIABLE = "KFP_CREDENTIAL_EXEC";

    private final String source;
    private final String command;
    private final List<String> args = new ArrayList<>();
    private final Map<String, String> env = new LinkedHashMap<>();
    private final String installHint;

    private ExecConfig(JsonElement json, String source, Path folder) throws HelperException {
        this.source = source;
        check(Json.isObject(json), "exec must be an object");
        JsonObject exec = json.getAsJsonObject();
        check(isText(exec.get("command")), "exec.command must be a string that is not empty");
        String name = exec.get("command").getAsString();
        check(!name.isEmpty(), "exec.command must be a string that is not empty");
        command = name.contains("/") ? folder.toAbsolutePath().resolve(name).normalize().toString() : name;
        for (JsonElement arg : list(exec, "args")) {
            check(isText(arg), "exec.args must be an array of strings");
            args.add(arg.getAsString());
        }
        for (JsonElement variable : list(exec, "env")) {
            check(isVariable(variable), "exec.env must be an array of {name, value}");
            JsonObject pair = variable.getAsJsonObject();
            env.put(pair.get("name").getAsString(), pair.get("value").getAsString());
        }
        check(!exec.has("installHint") || isText(exec.get("installHint")), "exec.installHint must be a string");
        installHint = exec.has("installHint") ? exec.get("installHint").getAsString() : null;
    }

    /** Makes a configuration of a command and its arguments. */
    public static ExecConfig of(String command, String... args) throws HelperException {
        JsonObject exec = new JsonObject();
        exec.addProperty("command", command);
        JsonArray list = new JsonArray();
        List.of(args).forEach(list::add);
        exec.add("args", list);
        return new ExecConfig(exec, "the program", Path.of(""));
    }

    /**
     * Reads the text of a configuration: a JSON object with the key {@code exec}.
     *
     * @param source where it comes from, for errors
     * @param folder what a relative command is relative to
     */
    public static ExecConfig parse(String text, String source, Path folder) throws HelperException {
        return new ExecConfig(object(text, source).get("exec"), source, folder);
    }

    /** Finds the configuration where the program names none. */
    public static ExecConfig find() throws HelperException {
        String set = System.getenv(VARIABLE);
        if (set != null && set.startsWith("{")) {
            return parse(set, VARIABLE, Path.of(""));
        }
        if (set != null && !set.isEmpty()) {
            Path file = Path.of(set).toAbsolutePath();
            return parse(read(file, VARIABLE + ": " + set), VARIABLE + ": " + set, file.getParent());
        }
        String home = Optional.ofNullable(System.getenv("HOME")).orElse(System.getProperty("user.home"));
        Path kfp = Path.of(home, ".config", "kfp", "context.json").toAbsolutePath();
        JsonObject context = Files.exists(kfp) ? object(read(kfp, kfp.toString()), kfp.toString()) : new JsonObject();
        if (context.has("exec")) {
            return new ExecConfig(context.get("exec"), kfp.toString(), kfp.getParent());
        }
        return parse("{\"exec\": {\"command\": \"kfp-credential\", \"args\": [\"get\"]}}", "the default", Path.of(""));
    }

    /** Gives the name to look up in PATH, or an absolute path. */
    public String command() {
        return command;
    }

    public List<String> args() {
        return List.copyOf(args);
    }

    public Optional<String> installHint() {
        return Optional.ofNullable(installHint);
    }

    /** Tells where the configuration comes from. */
    public String source() {
        return source;
    }

    Map<String, String> env() {
        return env;
    }

    @Override
    public String toString() {
        return "ExecConfig[command=" + command + ", source=" + source + "]";
    }

    private static String read(Path file, String source) throws HelperException {
        try {
            ByteBuffer bytes = ByteBuffer.wrap(NamedFile.read(file));
            return StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
        } catch (NamedFile.TooLargeException error) {
            throw invalid(source, error.getMessage());
        } catch (IOException error) {
            throw invalid(source, "it cannot be read (" + error.getClass().getSimpleName() + ")");
        }
    }

    private static JsonObject object(String text, String source) throws HelperException {
        return Json.object(text).orElseThrow(() -> invalid(source, "it is not a JSON object"));
    }

    private Iterable<JsonElement> list(JsonObject exec, String key) throws HelperException {
        if (!exec.has(key)) {
            return List.of();
        }
        check(exec.get(key).isJsonArray(), "exec." + key + " must be an array");
        return exec.getAsJsonArray(key);
    }

    /** No process can be given a NUL. */
    private static boolean isText(JsonElement element) {
        return Json.isString(element) && element.getAsString().indexOf('\0') < 0;
    }

    private static boolean isVariable(JsonElement element) {
        if (!Json.isObject(element)) {
            return false;
        }
        JsonObject pair = element.getAsJsonObject();
        return isText(pair.get("name")) && pair.get("name").getAsString().matches("[^=]+") && isText(pair.get("value"));
    }

    private void check(boolean right, String wanted) throws HelperException {
        if (!right) {
            throw invalid(source, wanted);
        }
    }

    private static HelperException invalid(String source, String reason) {
        String message = "the exec configuration is wrong (" + source + "): " + reason;
        String hint = "write it as {\"exec\": {\"command\": \"kfp-credential\", \"args\": [\"get\"]}}";
        return new HelperException("exec-config-invalid", message, hint);
    }
}
