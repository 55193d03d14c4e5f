package kfp.credential;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.Strictness;
import java.util.Optional;

/** Reads JSON as RFC 8259 has it, where Gson by itself takes more; and says nothing of a text, which may be secret. */
final class Json {
    private static final Gson STRICT = new GsonBuilder().setStrictness(Strictness.STRICT).create();

    private Json() {}

    /** Reads a text that is one object and nothing else. */
    static Optional<JsonObject> object(String text) {
        if (text.startsWith("\ufeff")) {
            return Optional.empty(); // Gson would drop a byte order mark.
        }
        try {
            JsonElement element = STRICT.fromJson(text, JsonElement.class);
            return isObject(element) ? Optional.of(element.getAsJsonObject()) : Optional.empty();
        } catch (JsonParseException error) {
            return Optional.empty();
        }
    }

    static boolean isObject(JsonElement element) {
        return element != null && element.isJsonObject();
    }

    static boolean isString(JsonElement element) {
        return element != null && element.isJsonPrimitive() && element.getAsJsonPrimitive().isString();
    }

    static boolean isString(JsonElement element, String value) {
        return isString(element) && element.getAsString().equals(value);
    }

    static boolean isAbsent(JsonElement element) {
        return element == null || element.isJsonNull();
    }
}
