// A certified OAuth server, as its documentation has it. The only argument is a JSON file: port,
// issuer, clients, key (PEM), account, pages ("none", "allow", "own"), rotation, pkce,
// offlineAccess, resources ({INDICATOR: SCOPES}), interval (null or seconds), idTokenLife.
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Provider, errors } from 'oidc-provider';

const options = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const key = createPrivateKey(options.key).export({ format: 'jwk' });
const ownPages = options.pages === 'own';

function resourceServer(_, indicator) {
  const scope = options.resources[indicator];
  if (scope === undefined) throw new errors.InvalidTarget();
  return { scope, audience: indicator, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } };
}

const provider = new Provider(options.issuer, {
  clients: options.clients,
  jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256', kid: 'made-up-google-key' }] },
  cookies: { keys: ['made up for the tests'] },
  routes: { authorization: '/o/oauth2/v2/auth', token: '/token' },
  pkce: { required: () => options.pkce },
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  conformIdTokenClaims: false,
  ...(options.offlineAccess ? {} : { issueRefreshToken: () => true }),
  rotateRefreshToken: options.rotation,
  ttl: { IdToken: options.idTokenLife },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: id, email: id, email_verified: true }),
  }),
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: ownPages },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: resourceServer,
      useGrantedResource: () => true,
    },
    revocation: { enabled: true },
  },
  ...(ownPages ? {} : { interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` } }),
});
provider.proxy = true;

// One after another: they ask, the person answers, or nobody has to.
provider.use(async (ctx, next) => {
  if (ownPages || !ctx.path.startsWith('/interaction/')) return next();
  const { params } = await provider.interactionDetails(ctx.req, ctx.res);
  const accountId = params.login_hint ?? options.account;
  if (options.pages === 'allow' && ctx.method === 'GET') {
    ctx.body = `<!doctype html><title>Sign in</title><p>${accountId}</p>`
      + '<form method="post"><button id="allow">Allow</button></form>';
    ctx.type = 'html';
    return undefined;
  }
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  for (const indicator of [params.resource ?? []].flat()) {
    grant.addResourceScope(indicator, params.scope);
  }
  const consent = { grantId: await grant.save() };
  const result = { login: { accountId }, consent };
  ctx.redirect(await provider.interactionResult(ctx.req, ctx.res, result));
  return undefined;
});

// The package lets a device poll as it likes; RFC 8628 section 3.5 has a word for one that is early.
if (options.interval !== null) {
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.path === '/device/auth' && ctx.body?.device_code) ctx.body.interval = options.interval;
  });
  const { find } = provider.DeviceCode;
  const polls = new Map();
  provider.DeviceCode.find = async function timed(id, ...more) {
    const code = await find.call(this, id, ...more);
    if (Provider.ctx?.oidc.route !== 'token') return code;
    const poll = polls.get(id) ?? { interval: options.interval, next: 0 };
    const isEarly = Date.now() < poll.next;
    if (isEarly) poll.interval += 5;
    poll.next = Date.now() + poll.interval * 1000;
    polls.set(id, poll);
    if (code && isEarly) throw new errors.SlowDown();
    return code;
  };
}

provider.on('server_error', (_, error) => console.error(error));
provider.listen(options.port, '127.0.0.1', () => console.log('listening'));
