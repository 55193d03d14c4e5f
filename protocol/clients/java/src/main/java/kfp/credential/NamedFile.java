package kfp.credential;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads what a user named, which may be a device without an end. */
final class NamedFile {
    /** More than any exec configuration or authority is long. */
    private static final int LARGEST = 1024 * 1024;

    private NamedFile() {}

    static byte[] read(Path file) throws IOException {
        try (InputStream stream = Files.newInputStream(file)) {
            byte[] bytes = stream.readNBytes(LARGEST + 1);
            if (bytes.length > LARGEST) {
                throw new TooLargeException();
            }
            return bytes;
        }
    }

    /** Is more than 1 MiB. */
    static final class TooLargeException extends IOException {
        private static final long serialVersionUID = 1;

        TooLargeException() {
            super("it is larger than 1 MiB");
        }
    }
}
