package kfp.credential;

import java.io.IOException;
import java.util.Optional;
import java.util.OptionalInt;

/** What went wrong: the slug is for programs (protocol/errors.json lists them), message and hint are for people. */
public final class HelperException extends IOException {
    private static final long serialVersionUID = 1;

    private final String slug;
    private final String hint;
    private final Integer exitCode;

    HelperException(String slug, String message, String hint) {
        this(slug, message, hint, null);
    }

    HelperException(String slug, String message, String hint, Integer exitCode) {
        super(message);
        this.slug = slug;
        this.hint = hint;
        this.exitCode = exitCode;
    }

    public String slug() {
        return slug;
    }

    /** Tells what to do next. */
    public Optional<String> hint() {
        return Optional.ofNullable(hint);
    }

    /** Gives the helper's exit code, where it failed. */
    public OptionalInt exitCode() {
        return exitCode == null ? OptionalInt.empty() : OptionalInt.of(exitCode);
    }
}
