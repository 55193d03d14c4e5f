package kfp.credential;

/**
 * How to reach the endpoint; what is not set is null.
 *
 * @param certificateAuthority a PEM file of authorities to trust in addition
 * @param certificateAuthorityData the same as base64 of PEM text
 * @param insecureSkipTlsVerify whether any certificate will do
 * @param proxyUrl the proxy on the way
 * @param tlsServerName the name that the endpoint's certificate is verified against
 */
public record Connection(
        String certificateAuthority,
        String certificateAuthorityData,
        boolean insecureSkipTlsVerify,
        String proxyUrl,
        String tlsServerName) {}
