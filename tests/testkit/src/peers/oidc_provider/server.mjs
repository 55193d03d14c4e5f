// A certified OAuth server with one client, as its documentation has it. The only argument is a
// JSON file: port, issuer, clientId, clientSecret, redirectUris, key (PEM), account, consentPage,
// rotation.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const options = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const key = createPrivateKey(options.key).export({ format: 'jwk' });
const provider = new Provider(options.issuer, {
  clients: [{
    client_id: options.clientId,
    client_secret: options.clientSecret,
    application_type: 'native',
    redirect_uris: options.redirectUris,
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_post',
  }],
  jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256', kid: 'made-up-google-key' }] },
  cookies: { keys: ['made up for the tests'] },
  routes: { authorization: '/o/oauth2/v2/auth', token: '/token' },
  pkce: { required: () => true },
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  conformIdTokenClaims: false,
  issueRefreshToken: () => true,
  rotateRefreshToken: options.rotation,
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: id, email_verified: true }),
  }),
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
});
provider.proxy = true;

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  const accountId = params.login_hint ?? options.account;
  if (options.consentPage && ctx.method === 'GET') {
    ctx.body = `<!doctype html><title>Sign in</title><p>${accountId}</p>`
      + '<form method="post"><button id="allow">Allow</button></form>';
    ctx.type = 'html';
    return undefined;
  }
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  const consent = { grantId: await grant.save() };
  const result = { login: { accountId }, consent };
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
  return undefined;
});

provider.on('server_error', (_, error) => console.error(error));
provider.listen(options.port, '127.0.0.1', () => console.log('listening'));
