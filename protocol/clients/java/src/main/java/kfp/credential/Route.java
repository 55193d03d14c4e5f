package kfp.credential;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ProxySelector;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import javax.net.ssl.X509TrustManager;

/** The way to an endpoint: the addresses that belong to it, and a client that connects as the document says. */
final class Route {
    private Route() {}

    /** Gives the address of a request: a URL at the endpoint's origin, or a path below the endpoint. */
    static URI address(URI endpoint, String url) throws HelperException {
        boolean isAbsolute = url.matches("(?i)[a-z][a-z0-9+.-]*://.*");
        String base = endpoint.toString().replaceFirst("/+$", "");
        URI address = URI.create(isAbsolute ? url : base + "/" + url.replaceFirst("^/", ""));
        if (!origin(address).equals(origin(endpoint))) {
            throw new HelperException(
                    "origin-refused",
                    origin(address) + " is not the origin of the endpoint " + endpoint + ": nothing was sent there",
                    "give a path below the endpoint, or a context for that other place");
        }
        return address;
    }

    static String origin(URI url) {
        String scheme = String.valueOf(url.getScheme()).toLowerCase(Locale.ROOT);
        int usual = scheme.equals("https") ? 443 : 80;
        int port = url.getPort() == -1 ? usual : url.getPort();
        String host = String.valueOf(url.getHost()).toLowerCase(Locale.ROOT);
        return scheme + "://" + host + (port == usual ? "" : ":" + port);
    }

    /** Makes a client for a credential's endpoint. It follows no redirect. */
    static HttpClient client(Credential credential) throws HelperException {
        Connection connection = credential.connection();
        URI endpoint = credential.endpoint();
        HttpClient.Builder builder = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .followRedirects(HttpClient.Redirect.NEVER);
        if (isLoopback(endpoint.getHost())) {
            builder.proxy(HttpClient.Builder.NO_PROXY);
        } else if (connection.proxyUrl() != null) {
            builder.proxy(proxy(connection.proxyUrl()));
        }
        if (endpoint.getScheme().equalsIgnoreCase("https")) {
            String name = connection.tlsServerName();
            if (name != null && !name.equalsIgnoreCase(endpoint.getHost())) {
                throw unsupported("tlsServerName", "java.net.http verifies the name in the URL only");
            }
            if (connection.insecureSkipTlsVerify()) {
                builder.sslContext(sslContext(new TrustManager[] {new TrustsAnything()}));
            } else if (connection.certificateAuthority() != null || connection.certificateAuthorityData() != null) {
                builder.sslContext(sslContext(trusting(authorities(connection))));
            }
        }
        return builder.build();
    }

    private static boolean isLoopback(String host) {
        return host.matches("(?i)(localhost|.*\\.localhost|127\\.\\d+\\.\\d+\\.\\d+|\\[::1\\])\\.?");
    }

    private static ProxySelector proxy(String url) throws HelperException {
        try {
            URI proxy = URI.create(url);
            if ("http".equalsIgnoreCase(proxy.getScheme()) && proxy.getHost() != null) {
                int port = proxy.getPort() == -1 ? 80 : proxy.getPort();
                return ProxySelector.of(new InetSocketAddress(proxy.getHost(), port));
            }
        } catch (IllegalArgumentException error) {
            throw unsupported("proxyUrl", "it is no URL");
        }
        throw unsupported("proxyUrl", "java.net.http knows http proxies only");
    }

    // ---------------------------------------------------------------- authorities

    private static Collection<Certificate> authorities(Connection connection) throws HelperException {
        Collection<Certificate> authorities = new ArrayList<>();
        if (connection.certificateAuthority() != null) {
            authorities.addAll(certificates("certificateAuthority", read(connection.certificateAuthority())));
        }
        if (connection.certificateAuthorityData() != null) {
            byte[] pem = decoded(connection.certificateAuthorityData());
            authorities.addAll(certificates("certificateAuthorityData", pem));
        }
        return authorities;
    }

    private static byte[] read(String file) throws HelperException {
        try {
            return NamedFile.read(Path.of(file));
        } catch (IOException | InvalidPathException error) {
            throw unsupported("certificateAuthority", file + " cannot be read");
        }
    }

    private static byte[] decoded(String base64) throws HelperException {
        try {
            return Base64.getMimeDecoder().decode(base64);
        } catch (IllegalArgumentException error) {
            throw unsupported("certificateAuthorityData", "it is not base64");
        }
    }

    private static Collection<? extends Certificate> certificates(String key, byte[] pem) throws HelperException {
        try {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            Collection<? extends Certificate> found = factory.generateCertificates(new ByteArrayInputStream(pem));
            if (!found.isEmpty()) {
                return found;
            }
        } catch (GeneralSecurityException error) {
            // The same to the caller as none.
        }
        throw unsupported(key, "there is no PEM certificate in it");
    }

    /** Trusts what Java trusts by itself, and these authorities too. */
    private static TrustManager[] trusting(Collection<Certificate> authorities) throws HelperException {
        try {
            List<Certificate> all = new ArrayList<>(authorities);
            for (TrustManager manager : managers(null)) {
                if (manager instanceof X509TrustManager x509) {
                    all.addAll(List.of(x509.getAcceptedIssuers()));
                }
            }
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            for (Certificate authority : all) {
                store.setCertificateEntry("authority-" + store.size(), authority);
            }
            TrustManager[] managers = managers(store);
            for (int i = 0; i < managers.length; i++) {
                if (managers[i] instanceof X509ExtendedTrustManager x509) {
                    managers[i] = new InDate(x509);
                }
            }
            return managers;
        } catch (GeneralSecurityException | IOException error) {
            throw unsupported("certificateAuthority", error.toString());
        }
    }

    private static TrustManager[] managers(KeyStore store) throws GeneralSecurityException {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory.getTrustManagers();
    }

    private static SSLContext sslContext(TrustManager[] managers) throws HelperException {
        try {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, managers, null);
            return context;
        } catch (GeneralSecurityException error) {
            throw unsupported("certificateAuthority", error.toString());
        }
    }

    /** Looks at the dates of a server's certificate that is itself a trusted one, which Java does not. */
    private static final class InDate extends X509ExtendedTrustManager {
        private final X509ExtendedTrustManager manager;

        InDate(X509ExtendedTrustManager manager) {
            this.manager = manager;
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket)
                throws CertificateException {
            manager.checkServerTrusted(chain, type, socket);
            chain[0].checkValidity();
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine)
                throws CertificateException {
            manager.checkServerTrusted(chain, type, engine);
            chain[0].checkValidity();
        }

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) throws CertificateException {
            manager.checkServerTrusted(chain, type);
            chain[0].checkValidity();
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket)
                throws CertificateException {
            manager.checkClientTrusted(chain, type, socket);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine)
                throws CertificateException {
            manager.checkClientTrusted(chain, type, engine);
        }

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) throws CertificateException {
            manager.checkClientTrusted(chain, type);
        }

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return manager.getAcceptedIssuers();
        }
    }

    /** Skips the verification, of the name as well: that is a part of an extended trust manager's work. */
    private static final class TrustsAnything extends X509ExtendedTrustManager {
        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, Socket socket) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type, SSLEngine engine) {}

        @Override
        public void checkClientTrusted(X509Certificate[] chain, String type) {}

        @Override
        public void checkServerTrusted(X509Certificate[] chain, String type) {}

        @Override
        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    }

    static HelperException unsupported(String key, String reason) {
        String message = "the connection that the document asks for cannot be made: " + key + ": " + reason;
        String hint = "change the context's connection settings, or use a client in another language";
        return new HelperException("connection-unsupported", message, hint);
    }
}
