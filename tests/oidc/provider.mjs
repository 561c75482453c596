// A provider of sign-ins on loopback: npm's oidc-provider, where any name signs in. Arguments: port, redirect address, return address, and the
// address that it tells who signed out.
import { createRequire } from "node:module";
const require = createRequire(`${process.cwd()}/`);
const { Provider } = require("oidc-provider");
const [port, redirect, back, told] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: "grupa", client_secret: "a secret of the test", redirect_uris: [redirect], post_logout_redirect_uris: [back],
    grant_types: ["authorization_code"], response_types: ["code"],
    backchannel_logout_uri: told, backchannel_logout_session_required: true,
  }],
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email", "email_verified"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, groups: id === "stranger" ? [] : ["growth"] }),
  }),
  // The app is on loopback here, which the provider's own fetch does not reach.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true }, backchannelLogout: { enabled: true } },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
