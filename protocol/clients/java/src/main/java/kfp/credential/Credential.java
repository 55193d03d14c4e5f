package kfp.credential;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** A helper's answer, read as strictly as the protocol asks (protocol/document.schema.json). */
public final class Credential {
    private static final Pattern HEADER_NAME = Pattern.compile("[!#$%&'*+.^_`|~0-9A-Za-z-]+");
    private static final Pattern CONTROL_CHARACTER = Pattern.compile("[\\u0000-\\u001f\\u007f]");
    private static final Pattern TIME = Pattern.compile("\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ");
    private static final Pattern URL_WITHOUT_QUERY =
            Pattern.compile("(?i)https?://[^\\u0000-\\u0020/?#@\\\\]+(/[^\\u0000-\\u0020?#\\\\]*)?");

    private final Map<String, List<String>> headers;
    private final URI endpoint;
    private final String type;
    private final String context;
    private final String namespace;
    private final String principal;
    private final Instant expiration;
    private final Connection connection;

    private Credential(JsonObject document) throws HelperException {
        check(Json.isString(document.get("kind"), "ExecCredential"), "kind is not ExecCredential");
        check(
                Json.isString(document.get("apiVersion"), "client.authentication.k8s.io/v1"),
                "apiVersion is not client.authentication.k8s.io/v1");
        JsonObject status = object(document, "status");
        headers = headers(object(status, "headers"));
        JsonObject kfp = object(status, "kfp");
        check(isOne(kfp.get("version")), "kfp.version is not 1");
        endpoint = endpoint(kfp.get("endpoint"));
        type = optionalText(kfp, "type");
        context = optionalText(kfp, "context");
        namespace = optionalText(kfp, "namespace");
        principal = optionalText(kfp, "principal");
        connection = connection(Json.isAbsent(kfp.get("connection")) ? new JsonObject() : object(kfp, "connection"));
        expiration = time(status.get("expirationTimestamp"));
        check(!isExpired(), "expirationTimestamp is past");
    }

    /** Reads what a helper wrote to stdout. */
    public static Credential parse(byte[] stdout) throws HelperException {
        Optional<JsonObject> document;
        try {
            document = Json.object(StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(stdout)).toString());
        } catch (CharacterCodingException error) {
            document = Optional.empty();
        }
        return new Credential(document.orElseThrow(() -> invalid("it is not one JSON object in UTF-8")));
    }

    /** Gives what to put on each request to the endpoint, and on no other. */
    public Map<String, List<String>> headers() {
        return headers;
    }

    /** Gives the base URL of the API. */
    public URI endpoint() {
        return endpoint;
    }

    /** Gives {@code bearer}, {@code cookie}, {@code none}, or one that is still to come. */
    public Optional<String> type() {
        return Optional.ofNullable(type);
    }

    /** Gives the name of the context that it is for. */
    public Optional<String> context() {
        return Optional.ofNullable(context);
    }

    /** Gives the namespace to use by default. */
    public Optional<String> namespace() {
        return Optional.ofNullable(namespace);
    }

    /** Tells who it stands for. */
    public Optional<String> principal() {
        return Optional.ofNullable(principal);
    }

    /** Tells until when to use it. */
    public Instant expiration() {
        return expiration;
    }

    public boolean isExpired() {
        return !Instant.now().isBefore(expiration);
    }

    /** Tells how to reach the endpoint. */
    public Connection connection() {
        return connection;
    }

    /** For logs: without what opens doors. */
    @Override
    public String toString() {
        return "Credential[type=" + type + ", principal=" + principal + ", expiration=" + expiration + "]";
    }

    private static Map<String, List<String>> headers(JsonObject json) throws HelperException {
        Map<String, List<String>> headers = new LinkedHashMap<>();
        for (String name : json.keySet()) {
            check(HEADER_NAME.matcher(name).matches(), "headers has a name that no header can have");
            JsonElement values = json.get(name);
            check(
                    values.isJsonArray() && !values.getAsJsonArray().isEmpty(),
                    "headers has a value that is not an array, or an empty one");
            List<String> texts = new ArrayList<>();
            for (JsonElement value : values.getAsJsonArray()) {
                check(Json.isString(value), "headers has a value that is not a string");
                boolean isPlain = !CONTROL_CHARACTER.matcher(value.getAsString()).find();
                check(isPlain, "headers has a value with a control character");
                texts.add(value.getAsString());
            }
            headers.put(name, List.copyOf(texts));
        }
        return Collections.unmodifiableMap(headers);
    }

    private static URI endpoint(JsonElement json) throws HelperException {
        String rule = "kfp.endpoint is not an http(s) URL without user, query and fragment";
        check(Json.isString(json) && URL_WITHOUT_QUERY.matcher(json.getAsString()).matches(), rule);
        try {
            URI url = URI.create(json.getAsString());
            check(url.getHost() != null && url.getPort() <= 65535, rule);
            return url;
        } catch (IllegalArgumentException error) {
            throw invalid(rule);
        }
    }

    private static Instant time(JsonElement json) throws HelperException {
        String rule = "expirationTimestamp is not a time like 2026-01-31T23:59:59Z";
        check(Json.isString(json) && TIME.matcher(json.getAsString()).matches(), rule);
        try {
            Instant time = Instant.parse(json.getAsString());
            // A leap second, or 24 o'clock, becomes another time.
            check(time.toString().equals(json.getAsString()), rule);
            return time;
        } catch (DateTimeException error) {
            throw invalid(rule);
        }
    }

    private static Connection connection(JsonObject json) throws HelperException {
        JsonElement skip = json.get("insecureSkipTlsVerify");
        boolean isFlag = Json.isAbsent(skip) || (skip.isJsonPrimitive() && skip.getAsJsonPrimitive().isBoolean());
        check(isFlag, "connection.insecureSkipTlsVerify is not a boolean");
        return new Connection(
                optionalText(json, "certificateAuthority"),
                optionalText(json, "certificateAuthorityData"),
                !Json.isAbsent(skip) && skip.getAsBoolean(),
                optionalText(json, "proxyUrl"),
                optionalText(json, "tlsServerName"));
    }

    private static boolean isOne(JsonElement json) {
        boolean isNumber = json != null && json.isJsonPrimitive() && json.getAsJsonPrimitive().isNumber();
        return isNumber && json.getAsDouble() == 1;
    }

    private static String optionalText(JsonObject json, String key) throws HelperException {
        JsonElement value = json.get(key);
        check(Json.isAbsent(value) || Json.isString(value), key + " is not a string");
        return Json.isAbsent(value) ? null : value.getAsString();
    }

    private static JsonObject object(JsonObject json, String key) throws HelperException {
        check(Json.isObject(json.get(key)), key + " is not an object");
        return json.getAsJsonObject(key);
    }

    private static void check(boolean holds, String broken) throws HelperException {
        if (!holds) {
            throw invalid(broken);
        }
    }

    private static HelperException invalid(String broken) {
        String message = "the helper's answer is not what the protocol asks for: " + broken;
        String hint = "check that the exec configuration runs `kfp-credential get`, without `-o`";
        return new HelperException("helper-answer-invalid", message, hint);
    }
}
