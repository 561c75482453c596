// A provider of sign-ins on loopback: npm's oidc-provider, where any name signs in. Arguments: port, redirect address, return address.
import { createRequire } from "node:module";
const require = createRequire(`${process.cwd()}/`);
const { Provider } = require("oidc-provider");
const [port, redirect, back] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: "grupa", client_secret: "a secret of the test", redirect_uris: [redirect], post_logout_redirect_uris: [back],
    grant_types: ["authorization_code"], response_types: ["code"],
  }],
  claims: { openid: ["sub"], profile: ["preferred_username", "groups"], email: ["email", "email_verified"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, groups: id === "stranger" ? [] : ["growth"] }),
  }),
  pkce: { required: () => true },
  features: { devInteractions: { enabled: true } },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
