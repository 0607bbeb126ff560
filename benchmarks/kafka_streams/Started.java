import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** Tells when the first record is handed over: as `benchmarks/started.py`, on the same monotonic clock. */
final class Started {
    private Path file;

    Started(Path file) {
        this.file = file;
    }

    void now() {
        if (file == null) {
            return;
        }
        try {
            Path part = file.resolveSibling("started.part");
            Files.writeString(part, Long.toString(System.nanoTime()));
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        file = null;
    }
}
