package kfp.credential;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Runs the helper once: no shell, nothing on stdin, both outputs drained, and an end at the deadline. */
final class HelperProcess {
    private static final int STDOUT_LIMIT = 1024 * 1024;
    private static final int STDERR_KEPT = 64 * 1024;
    private static final Duration OUTPUT_GRACE = Duration.ofSeconds(1);
    private static final Pattern SLUG = Pattern.compile("error\\[([a-z0-9-]+)\\]: ");
    private static final Pattern HINT = Pattern.compile("^\\s*hint: (.*)$", Pattern.MULTILINE);
    private static final boolean WINDOWS = File.separatorChar == '\\';

    private final ExecConfig exec;
    private final Duration timeout;

    HelperProcess(ExecConfig exec, Duration timeout) {
        this.exec = exec;
        this.timeout = timeout;
    }

    /** Gives what the helper wrote to stdout. */
    byte[] run(List<String> extra) throws HelperException, InterruptedException {
        long deadline = System.nanoTime() + timeout.toNanos();
        Process helper = start(extra);
        try {
            Output stdout = new Output(helper.getInputStream(), STDOUT_LIMIT);
            Output stderr = new Output(helper.getErrorStream(), STDERR_KEPT);
            await(CompletableFuture.anyOf(helper.onExit(), stdout.tooLong), deadline);
            if (!stdout.tooLong.isDone()) {
                waitForEnd(stdout, stderr);
            }
            if (stdout.tooLong.isDone()) {
                throw abandoned("helper-answer-invalid", "wrote more than " + STDOUT_LIMIT + " bytes to stdout");
            }
            if (helper.exitValue() != 0) {
                throw failure(helper.exitValue(), new String(stderr.bytes(), StandardCharsets.UTF_8).strip());
            }
            return stdout.bytes();
        } catch (TimeoutException error) {
            throw abandoned("helper-timeout", "did not end within " + timeout.toMillis() / 1000.0 + " s");
        } finally {
            end(helper);
        }
    }

    private static void await(CompletableFuture<?> event, long deadline) throws InterruptedException, TimeoutException {
        try {
            event.get(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
        } catch (ExecutionException error) {
            throw new IllegalStateException(error);
        }
    }

    /** Waits for the rest of the outputs; a process that the helper left behind may hold them for ever. */
    private static void waitForEnd(Output stdout, Output stderr) throws InterruptedException {
        try {
            await(CompletableFuture.allOf(stdout.ended, stderr.ended), System.nanoTime() + OUTPUT_GRACE.toNanos());
        } catch (TimeoutException error) {
            // What the helper itself has written is read by now.
        }
    }

    private Process start(List<String> extra) throws HelperException {
        List<String> command = new ArrayList<>(List.of(exec.command()));
        command.addAll(exec.args());
        command.addAll(extra);
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.redirectInput(new File(WINDOWS ? "NUL" : "/dev/null"));
        builder.environment().putAll(exec.env());
        // It would ask for another form than the document.
        builder.environment().remove("KUBERNETES_EXEC_INFO");
        try {
            return builder.start();
        } catch (IOException error) {
            throw missing(error);
        }
    }

    /** Ends the helper, if it still runs, with its children. */
    private static void end(Process helper) {
        List<ProcessHandle> children = helper.descendants().toList();
        helper.destroyForcibly();
        children.forEach(ProcessHandle::destroyForcibly);
    }

    /** Is an output that a thread of its own drains, keeping so many bytes of its end. */
    private static final class Output {
        final CompletableFuture<Void> ended = new CompletableFuture<>();
        final CompletableFuture<Void> tooLong = new CompletableFuture<>();
        private final InputStream stream;
        private final int limit;
        private final ByteArrayOutputStream kept = new ByteArrayOutputStream();

        Output(InputStream stream, int limit) {
            this.stream = stream;
            this.limit = limit;
            Thread thread = new Thread(this::drain, "kfp-credential-output");
            thread.setDaemon(true);
            thread.start();
        }

        synchronized byte[] bytes() {
            byte[] all = kept.toByteArray();
            return Arrays.copyOfRange(all, Math.max(0, all.length - limit), all.length);
        }

        private void drain() {
            byte[] chunk = new byte[16 * 1024];
            try {
                for (int count = stream.read(chunk); count >= 0; count = stream.read(chunk)) {
                    append(chunk, count);
                }
            } catch (IOException error) {
                // The stream was closed: there is no more to read.
            } finally {
                ended.complete(null);
            }
        }

        private synchronized void append(byte[] chunk, int count) {
            if (kept.size() > 2 * limit) {
                byte[] end = bytes();
                kept.reset();
                kept.writeBytes(end);
            }
            kept.write(chunk, 0, count);
            if (kept.size() > limit) {
                tooLong.complete(null);
            }
        }
    }

    private HelperException missing(IOException error) {
        String words = String.valueOf(error.getMessage());
        String reason = words.contains("error=2,") ? "was not found" : "cannot be executed (" + words + ")";
        String hint = exec.installHint().orElse("install kfp-credential: pip install kfp-credential");
        String message = "the helper " + exec.command() + " " + reason + "; the exec configuration is from "
                + exec.source() + "; " + hint;
        return new HelperException("helper-missing", message, hint);
    }

    private HelperException failure(int exitCode, String stderr) {
        Matcher slug = SLUG.matcher(stderr);
        String hints = HINT.matcher(stderr).results().map(found -> found.group(1)).collect(Collectors.joining("\n"));
        String silent = "the helper " + exec.command() + " failed without a word (exit code " + exitCode + ")";
        return new HelperException(
                slug.find() ? slug.group(1) : "helper-failed",
                stderr.isEmpty() ? silent : stderr,
                hints.isEmpty() ? null : hints,
                exitCode);
    }

    private HelperException abandoned(String slug, String what) {
        return new HelperException(
                slug, "the helper " + exec.command() + " " + what, "run it in a terminal to see what it does");
    }
}
