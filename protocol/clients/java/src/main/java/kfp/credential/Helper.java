package kfp.credential;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpHeaders;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandler;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.WeakHashMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** Keeps a credential until it ends, and renews it once when the endpoint refuses it; never in a loop. Thread-safe. */
public final class Helper {
    private final HelperProcess process;
    private final String context;
    private final Duration retryPause;
    private final Map<Credential, HttpClient> clients = new WeakHashMap<>();

    private Credential cached;
    /** Is the run under way, which everybody waits for. */
    private Flight flight;
    /** Is what came from {@code --refresh} last. */
    private Credential renewed;
    /** Is whether a reply has accepted it: it may be refused later. */
    private boolean renewedIsProven;
    /** Is until when a refusal of it means that renewing was of no use. */
    private long renewedUntil;
    /** Is until when there is no renewal, as the last one was of no use; null where there is no such time. */
    private Long pausedUntil;
    /** Is how the last renewal failed, if it did. */
    private HelperException failure;

    /** Finds the helper and asks it for a context; null is the helper's own choice. */
    public Helper(String context) throws HelperException {
        this(ExecConfig.find(), context);
    }

    public Helper(ExecConfig exec, String context) {
        this(exec, context, Duration.ofSeconds(240), Duration.ofSeconds(60));
    }

    /**
     * Sets the times as well.
     *
     * @param timeout how long the helper may take
     * @param retryPause how long there is no renewal after one that was of no use
     */
    public Helper(ExecConfig exec, String context, Duration timeout, Duration retryPause) {
        this.process = new HelperProcess(exec, timeout);
        this.context = context;
        this.retryPause = retryPause;
    }

    /** Gives the credential at hand, or runs the helper for one. */
    public Credential credential() throws HelperException, InterruptedException {
        CompletableFuture<Credential> run;
        synchronized (this) {
            if (hasUsable()) {
                return cached;
            }
            run = once(false).end();
        }
        return result(run);
    }

    /** Gives another credential than the one that was refused. */
    public Credential renew(Credential rejected) throws HelperException, InterruptedException {
        return renew(Objects.requireNonNull(rejected), "a rejection");
    }

    /** Begins a request to a path below the endpoint, or to a URL at its origin. */
    public HttpRequest.Builder request(String url) throws HelperException, InterruptedException {
        return HttpRequest.newBuilder(Route.address(credential().endpoint(), url));
    }

    /**
     * Makes a request with the credential on it, and with a renewed one if the first is refused. Follows no redirect.
     * The request's timeout is for a whole exchange: until the handler has what it wants of the body.
     *
     * @return any reply but one that refuses the credential
     */
    public <T> HttpResponse<T> send(HttpRequest request, BodyHandler<T> handler)
            throws IOException, InterruptedException {
        // What comes with a refusal is none of what the handler is there for.
        BodyHandler<T> accepted = info -> refusal(info.statusCode(), info.headers(), request.uri()).isEmpty()
                ? handler.apply(info)
                : new Unread<>();
        Credential credential = credential();
        HttpResponse<T> reply = exchange(client(credential), signed(request, credential), accepted);
        Optional<String> refusal = refusal(reply.statusCode(), reply.headers(), request.uri());
        if (refusal.isPresent()) {
            credential = renew(credential, refusal.get());
            reply = exchange(client(credential), signed(request, credential), accepted);
            refusal = refusal(reply.statusCode(), reply.headers(), request.uri());
            if (refusal.isPresent()) {
                throw inVain(credential, rejection(credential, refusal.get()));
            }
        }
        accepted(credential);
        return reply;
    }

    // ---------------------------------------------------------------- the credential

    private Credential renew(Credential rejected, String refusal) throws HelperException, InterruptedException {
        while (true) {
            Flight run;
            synchronized (this) {
                if (hasUsable() && !isSame(cached, rejected)) {
                    return cached;
                }
                if (flight == null && isPaused()) {
                    throw failure != null ? failure : rejection(rejected, refusal);
                }
                boolean isNew = isRenewed(rejected) && !renewedIsProven && System.nanoTime() - renewedUntil < 0;
                if (flight == null && isNew) {
                    throw pause(rejection(rejected, refusal), false);
                }
                run = once(true);
            }
            Credential found = result(run.end());
            // A run that was under way without --refresh may have found the refused one again.
            if (run.refresh() || !isSame(found, rejected)) {
                return found;
            }
        }
    }

    /** Is a run of the helper, with or without {@code --refresh}. */
    private record Flight(boolean refresh, CompletableFuture<Credential> end) {}

    /** Runs the helper, once for all who ask meanwhile, and in a thread that none of them can interrupt. */
    private synchronized Flight once(boolean refresh) {
        if (flight == null) {
            Thread thread = new Thread(() -> run(refresh), "kfp-credential-helper");
            thread.setDaemon(true);
            thread.start();
            flight = new Flight(refresh, new CompletableFuture<>()); // The thread needs this lock before it looks for it.
        }
        return flight;
    }

    private void run(boolean refresh) {
        List<String> extra = new ArrayList<>();
        if (context != null) {
            extra.addAll(List.of("--context", context));
        }
        if (refresh) {
            extra.add("--refresh");
        }
        try {
            land(Credential.parse(process.run(extra)), refresh);
        } catch (HelperException error) {
            crash(error, refresh);
        } catch (InterruptedException | RuntimeException | Error error) {
            String message = "the helper could not be run: " + error.getClass().getName();
            crash(new HelperException("helper-failed", message, null), refresh);
        }
    }

    private synchronized void land(Credential credential, boolean refresh) {
        cached = credential;
        if (refresh) {
            renewed = credential;
            renewedIsProven = false;
            renewedUntil = System.nanoTime() + retryPause.toNanos();
        }
        flight.end().complete(credential);
        flight = null;
    }

    private synchronized void crash(HelperException error, boolean refresh) {
        if (refresh) {
            pause(error, true);
        }
        flight.end().completeExceptionally(error);
        flight = null;
    }

    private static Credential result(CompletableFuture<Credential> run) throws HelperException, InterruptedException {
        try {
            return run.get();
        } catch (ExecutionException error) {
            throw (HelperException) error.getCause();
        }
    }

    private synchronized boolean hasUsable() {
        return cached != null && !cached.isExpired();
    }

    private synchronized void accepted(Credential credential) {
        renewedIsProven = renewedIsProven || isRenewed(credential);
    }

    private synchronized boolean isPaused() {
        return pausedUntil != null && System.nanoTime() - pausedUntil < 0;
    }

    /** Begins a pause, unless there is one: it must end. */
    private synchronized HelperException pause(HelperException error, boolean isFailure) {
        if (!isPaused()) {
            pausedUntil = System.nanoTime() + retryPause.toNanos();
            failure = isFailure ? error : null;
        }
        return error;
    }

    /** Begins a pause where the credential was renewed; a run without {@code --refresh} may have found it meanwhile. */
    private synchronized HelperException inVain(Credential credential, HelperException error) {
        return isRenewed(credential) ? pause(error, false) : error;
    }

    private synchronized boolean isRenewed(Credential credential) {
        return renewed != null && isSame(renewed, credential);
    }

    /** Tells whether a server sees no difference. */
    private static boolean isSame(Credential one, Credential other) {
        return one.headers().equals(other.headers());
    }

    // ---------------------------------------------------------------- the request

    private HttpClient client(Credential credential) throws HelperException {
        synchronized (clients) {
            HttpClient client = clients.get(credential);
            if (client == null) {
                client = Route.client(credential);
                clients.put(credential, client);
            }
            return client;
        }
    }

    /** Sends a request; java.net.http by itself counts the time up to the head of the reply only. */
    private static <T> HttpResponse<T> exchange(HttpClient client, HttpRequest request, BodyHandler<T> handler)
            throws IOException, InterruptedException {
        if (request.timeout().isEmpty()) {
            return client.send(request, handler);
        }
        CompletableFuture<HttpResponse<T>> reply = client.sendAsync(request, handler);
        try {
            return reply.get(request.timeout().get().toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException error) {
            throw new HttpTimeoutException("request timed out");
        } catch (ExecutionException error) {
            throw error.getCause() instanceof IOException cause ? cause : new IOException(error.getCause());
        } finally {
            reply.cancel(true); // Nothing, where it has come to its end.
        }
    }

    /** Leaves the body where it is: it may be of any length. */
    private static final class Unread<T> implements BodySubscriber<T> {
        @Override
        public CompletionStage<T> getBody() {
            return CompletableFuture.completedFuture(null);
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.cancel();
        }

        @Override
        public void onNext(List<ByteBuffer> item) {}

        @Override
        public void onError(Throwable error) {}

        @Override
        public void onComplete() {}
    }

    private static HttpRequest signed(HttpRequest request, Credential credential) throws HelperException {
        Route.address(credential.endpoint(), request.uri().toString());
        Set<String> ours = new TreeSet<>(String.CASE_INSENSITIVE_ORDER);
        ours.addAll(credential.headers().keySet());
        HttpRequest.Builder builder = HttpRequest.newBuilder(request, (name, value) -> !ours.contains(name));
        for (Map.Entry<String, List<String>> header : credential.headers().entrySet()) {
            String name = header.getKey();
            List<String> values = header.getValue();
            boolean isCookie = name.equalsIgnoreCase("Cookie");
            for (String value : isCookie ? List.of(String.join("; ", values)) : values) {
                add(builder, name, value);
            }
        }
        return builder.build();
    }

    /** Refuses what java.net.http would drop or change in silence; its own errors quote the value. */
    private static void add(HttpRequest.Builder builder, String name, String value) throws HelperException {
        boolean isDropped = name.toLowerCase(Locale.ROOT).startsWith("proxy-");
        boolean isChanged = !StandardCharsets.US_ASCII.newEncoder().canEncode(value);
        try {
            if (!isDropped && !isChanged) {
                builder.header(name, value);
                return;
            }
        } catch (IllegalArgumentException error) {
            // It is one that the library sets by itself.
        }
        throw Route.unsupported("the header " + name, "java.net.http cannot send it");
    }

    /** Tells how a reply refuses the credential, if it does. */
    private static Optional<String> refusal(int status, HttpHeaders headers, URI url) {
        if (status == 401) {
            return Optional.of("the status 401");
        }
        Optional<String> location = headers.firstValue("Location");
        if (status >= 300 && status < 400 && location.isPresent()) {
            return Optional.of("a redirect" + destination(location.get(), url));
        }
        String type = headers.firstValue("Content-Type").orElse("").split(";", 2)[0].strip();
        boolean isAnswer = (status >= 200 && status < 300) || status == 403;
        return isAnswer && type.equalsIgnoreCase("text/html")
                ? Optional.of("a page (text/html), status " + status)
                : Optional.empty();
    }

    private static String destination(String location, URI url) {
        try {
            return " to " + Route.origin(url.resolve(location));
        } catch (IllegalArgumentException error) {
            return "";
        }
    }

    private static HelperException rejection(Credential credential, String refusal) {
        String login = "kfp-credential login" + credential.context().map(name -> " --context " + name).orElse("");
        String hint = "run `" + login + "`, or check the endpoint";
        String message = credential.endpoint() + " refused the credential with " + refusal + "; " + hint;
        return new HelperException("credential-rejected", message, hint);
    }
}
