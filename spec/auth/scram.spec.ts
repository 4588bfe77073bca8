import assert from "node:assert/strict";
import { deriveKeys } from "../../src/auth/keys.js";
import { Scram } from "../../src/auth/scram.js";
import { type AuthContext, SaslError, type ScramHash } from "../../src/auth/types.js";
import { answer, challenge, contextOf, contextWith, fails, type Login, step, success } from "./support.js";

const BARE = "n=user,r=fyko+d2lbbFgONRv9qkxdawL";
const pencil: Login = { password: "pencil", digest: "sha1", bare: BARE, gs2: "n,," };
const sha1 = { hash: "sha-1", plus: false } as const;
const sha1plus = { hash: "sha-1", plus: true } as const;
const EXPORTER = Buffer.from("what the TLS exporter gave");

describe("SCRAM", () => {
  describe("published conversations", () => {
    const vectors: [source: string, hash: ScramHash, salt: string, nonce: string, ...messages: string[]][] = [
      [
        "RFC 5802 §5",
        "sha-1",
        "QSXCR+Q6sek8bf92",
        "3rfcNHYJY1ZVvWVs7j",
        "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
      ],
      [
        "RFC 7677 §3",
        "sha-256",
        "W22ZaJ0SNY7soEsUEjb6gQ==",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
      ],
    ];
    for (const [source, hash, salt, nonce, first, second, third, last] of vectors)
      it(`speaks that of ${source} to the letter`, async () => {
        const keys = await deriveKeys("pencil", hash, Buffer.from(salt, "base64"), 4096);
        const scram = new Scram(contextOf({ user: { [hash]: keys } }), { hash, plus: false }, nonce);
        assert.equal(await challenge(scram, first ?? ""), second);
        const { username, authzid, data } = await success(scram, third ?? "");
        assert.deepEqual([username, authzid, String(data)], ["user", undefined, last]);
      });
  });

  for (const [hash, digest] of [
    ["sha-1", "sha1"],
    ["sha-256", "sha256"],
    ["sha-512", "sha512"],
  ] as const)
    it(`proves both sides to each other with ${hash}`, async () => {
      const scram = new Scram(await contextWith(), { hash, plus: false });
      const login = { ...pencil, digest };
      const { message, expected } = answer(await challenge(scram, `n,,${BARE}`), login);
      assert.equal(String((await success(scram, message)).data), expected);
    });

  it("adds a part of its own to the nonce, another one each time", async () => {
    const context = await contextWith();
    const parts = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const [, nonce] =
        /^r=fyko\+d2lbbFgONRv9qkxdawL([^,]{20,}),/.exec(
          await challenge(new Scram(context, sha1), `n,,${BARE}`),
        ) ?? [];
      parts.add(nonce ?? "");
    }
    assert.equal(parts.size, 20);
    assert.ok(!parts.has(""));
  });

  it("refuses a wrong password", async () => {
    const scram = new Scram(await contextWith(), sha1);
    const { message } = answer(await challenge(scram, `n,,${BARE}`), { ...pencil, password: "pen" });
    await fails(step(scram, message), "not-authorized");
  });

  it("answers an unknown user as it answers a known one, the same each time, and never lets one in", async () => {
    const context = await contextWith();
    const shape = (text: string) =>
      text.replace(/s=[^,]+/, (salt) => `s=${salt.length}`).replace(/^r=[^,]+/, "");
    const known = await challenge(new Scram(context, sha1), `n,,${BARE}`);
    const scram = new Scram(context, sha1);
    const bare = "n=nobody,r=abc";
    const unknown = await challenge(scram, `n,,${bare}`);
    assert.equal(shape(unknown), shape(known));
    const again = await challenge(new Scram(context, sha1), `n,,${bare}`);
    assert.equal(/s=[^,]+/.exec(again)?.[0], /s=[^,]+/.exec(unknown)?.[0]);
    const other = await challenge(new Scram(context, sha1), "n,,n=nobody2,r=abc");
    assert.notEqual(/s=[^,]+/.exec(other)?.[0], /s=[^,]+/.exec(unknown)?.[0]);
    await fails(step(scram, answer(unknown, { ...pencil, bare }).message), "not-authorized");
  });

  it("treats an account without keys of this hash as an unknown user", async () => {
    const keys = await deriveKeys("pencil", "sha-256", Buffer.alloc(16), 64);
    const scram = new Scram(contextOf({ user: { "sha-256": keys } }), sha1);
    await fails(step(scram, answer(await challenge(scram, `n,,${BARE}`), pencil).message), "not-authorized");
  });

  it("finds the account by its prepared name, whatever way it was written", async () => {
    const scram = new Scram(await contextWith(), sha1);
    const bare = "n=\uFF35S\u00ADer,r=abc"; // SASLprep drops the soft hyphen
    const { message } = answer(await challenge(scram, `n,,${bare}`), { ...pencil, bare });
    assert.equal((await success(scram, message)).username, "user");
  });

  it("reads =2C and =3D in names", async () => {
    const keys = await deriveKeys("pencil", "sha-1", Buffer.alloc(16), 64);
    const scram = new Scram(contextOf({ "a,b=c": { "sha-1": keys } }), sha1);
    const bare = "n=a=2Cb=3Dc,r=abc";
    const gs2 = "n,a=a=2Cb=3Dc@example.com,";
    const { message } = answer(await challenge(scram, `${gs2}${bare}`), { ...pencil, bare, gs2 });
    const { username, authzid } = await success(scram, message);
    assert.deepEqual([username, authzid], ["a,b=c", "a,b=c@example.com"]);
  });

  it("ignores extensions it does not know, and has them signed", async () => {
    const scram = new Scram(await contextWith(), sha1);
    const login = { ...pencil, bare: `${BARE},x=1,Y==2=`, extensions: ",z=a,b=c" };
    const { message, expected } = answer(await challenge(scram, `n,,${login.bare}`), login);
    assert.equal(String((await success(scram, message)).data), expected);
  });

  describe("authzid", () => {
    it("may be the user's own bare JID, in any spelling", async () => {
      const scram = new Scram(await contextWith(), sha1);
      const gs2 = "n,a=User@EXAMPLE.com,";
      const { message } = answer(await challenge(scram, `${gs2}${BARE}`), { ...pencil, gs2 });
      assert.equal((await success(scram, message)).authzid, "user@example.com");
    });
    for (const authzid of ["other@example.com", "user@example.net", "user@example.com/x", "user", "@"])
      it(`is invalid when it is ${authzid}`, async () => {
        await fails(step(new Scram(await contextWith(), sha1), `n,a=${authzid},${BARE}`), "invalid-authzid");
      });
  });

  describe("channel binding", () => {
    const context = (changes: Partial<AuthContext> = {}) =>
      contextWith({ bindings: new Map([["tls-exporter", EXPORTER]]), offeredPlus: true, ...changes });
    const bound: Login = { ...pencil, gs2: "p=tls-exporter,,", binding: EXPORTER };

    it("lets in a client that saw the same TLS connection", async () => {
      const scram = new Scram(await context(), sha1plus);
      const { message, expected } = answer(await challenge(scram, `${bound.gs2}${BARE}`), bound);
      assert.equal(String((await success(scram, message)).data), expected);
    });

    it("refuses one that saw another", async () => {
      const scram = new Scram(await context(), sha1plus);
      const other = { ...bound, binding: Buffer.from("that of somebody in the middle") };
      await fails(
        step(scram, answer(await challenge(scram, `${bound.gs2}${BARE}`), other).message),
        "not-authorized",
      );
    });

    it("refuses a type there is no data for", async () => {
      await fails(step(new Scram(await context(), sha1plus), `p=tls-unique,,${BARE}`), "malformed-request");
    });

    it("refuses a client that believes there is none although it was offered (RFC 5802 §6)", async () => {
      await fails(step(new Scram(await context(), sha1), `y,,${BARE}`), "not-authorized");
    });

    it("lets that client in where it was not offered", async () => {
      const scram = new Scram(await context({ offeredPlus: false }), sha1);
      const { message } = answer(await challenge(scram, `y,,${BARE}`), { ...pencil, gs2: "y,," });
      assert.equal((await success(scram, message)).username, "user");
    });

    it("lets a client without channel binding choose the mechanism without it", async () => {
      const scram = new Scram(await context(), sha1);
      const { message } = answer(await challenge(scram, `n,,${BARE}`), pencil);
      assert.equal((await success(scram, message)).username, "user");
    });

    it("refuses a flag that does not go with the mechanism", async () => {
      for (const flag of ["n", "y"])
        await fails(step(new Scram(await context(), sha1plus), `${flag},,${BARE}`), "malformed-request");
      await fails(step(new Scram(await context(), sha1), `p=tls-exporter,,${BARE}`), "malformed-request");
    });

    it("refuses a final message whose GS2 header is not that of the first", async () => {
      const scram = new Scram(await contextWith(), sha1);
      const { message } = answer(await challenge(scram, `n,,${BARE}`), { ...pencil, gs2: "y,," });
      await fails(step(scram, message), "not-authorized");
    });
  });

  describe("first messages it refuses as malformed", () => {
    const messages: [why: string, message: string | Buffer][] = [
      ["nothing", ""],
      ["no GS2 header", BARE],
      ["an unknown flag", `x,,${BARE}`],
      ["a flag with a value it may not have", `n=1,,${BARE}`],
      ["an empty binding type", `p=,,${BARE}`],
      ["an empty authzid", `n,a=,${BARE}`],
      ["an authzid without its letter", `n,user@example.com,${BARE}`],
      ["a mandatory extension", `n,,m=x,${BARE}`],
      ["a mandatory extension in the wrong place", `n,,${BARE},m=x`],
      ["a second nonce", `n,,${BARE},r=abc`],
      ["no username", "n,,r=abc"],
      ["an empty username", "n,,n=,r=abc"],
      ["a bad escape", "n,,n=us=2cer,r=abc"],
      ["a lone equals sign", "n,,n=us=er,r=abc"],
      ["no nonce", "n,,n=user"],
      ["an empty nonce", "n,,n=user,r="],
      ["a nonce that is not printable", "n,,n=user,r=a\u0007b"],
      ["a nonce beyond ASCII", "n,,n=user,r=\u00E9"],
      ["attributes in another order", "n,,r=abc,n=user"],
      ["an extension without value", `n,,${BARE},x=`],
      ["a comma at the end", `n,,${BARE},`],
      ["a line end at the end", `n,,${BARE}\n`],
      ["a NUL in the name", "n,,n=us\u0000er,r=abc"],
      [
        "bytes that are no UTF-8",
        Buffer.concat([Buffer.from("n,,n=us"), Buffer.from([0xff]), Buffer.from("er,r=abc")]),
      ],
      ["a byte order mark", `\uFEFFn,,${BARE}`],
      ["a name that no account can have", "n,,n=us er,r=abc"],
      ["a name with an @", "n,,n=user@example.com,r=abc"],
      ["a name that SASLprep refuses", "n,,n=us\u0007er,r=abc"],
      ["a name that SASLprep leaves empty", "n,,n=\u00AD,r=abc"],
      ["more bytes than any message needs", `n,,n=user,r=${"a".repeat(20_000)}`],
    ];
    for (const [why, message] of messages)
      it(why, async () => fails(step(new Scram(await contextWith(), sha1), message), "malformed-request"));
  });

  describe("final messages it refuses", () => {
    const changes: [
      why: string,
      change: (message: string) => string,
      condition: "malformed-request" | "not-authorized",
    ][] = [
      ["nothing", () => "", "malformed-request"],
      ["no channel binding", (m) => m.slice(m.indexOf("r=")), "malformed-request"],
      ["an empty channel binding", (m) => m.replace("c=biws", "c="), "malformed-request"],
      ["a channel binding that is not base64", (m) => m.replace("c=biws", "c=b!ws"), "malformed-request"],
      ["no proof", (m) => m.slice(0, m.lastIndexOf(",p=")), "malformed-request"],
      ["an empty proof", (m) => m.replace(/p=.*/, "p="), "malformed-request"],
      ["a proof without padding", (m) => m.replace(/=$/, ""), "malformed-request"],
      ["something after the proof", (m) => `${m},x=y`, "malformed-request"],
      ["two proofs", (m) => `${m},p=AAAA`, "malformed-request"],
      ["a mandatory extension", (m) => m.replace(",p=", ",m=x,p="), "malformed-request"],
      ["a proof of another length", (m) => m.replace(/p=.*/, "p=AAAA"), "not-authorized"],
      [
        "a changed proof",
        (m) => m.replace(/p=(.)/, (_, first) => `p=${first === "A" ? "B" : "A"}`),
        "not-authorized",
      ],
      ["another nonce", (m) => m.replace(/r=[^,]+/, (nonce) => `${nonce}x`), "not-authorized"],
      [
        "only the client's nonce",
        (m) => m.replace(/r=[^,]+/, "r=fyko+d2lbbFgONRv9qkxdawL"),
        "not-authorized",
      ],
      ["an extension that was not signed", (m) => m.replace(",p=", ",x=y,p="), "not-authorized"],
    ];
    for (const [why, change, condition] of changes)
      it(`${why}: ${condition}`, async () => {
        const scram = new Scram(await contextWith(), sha1);
        const { message } = answer(await challenge(scram, `n,,${BARE}`), pencil);
        await fails(step(scram, change(message)), condition);
      });
  });

  it("refuses another nonce than its own, even with a proof that signs it", async () => {
    for (const nonce of ["fyko+d2lbbFgONRv9qkxdawL", "fyko+d2lbbFgONRv9qkxdawLx"]) {
      const scram = new Scram(await contextWith(), sha1);
      const { message } = answer(await challenge(scram, `n,,${BARE}`), { ...pencil, nonce });
      await fails(step(scram, message), "not-authorized");
    }
  });

  it("is over after success, and after a failure, even if the right message follows", async () => {
    const scram = new Scram(await contextWith(), sha1);
    const { message } = answer(await challenge(scram, `n,,${BARE}`), pencil);
    await success(scram, message);
    await fails(step(scram, message), "malformed-request");

    const failed = new Scram(await contextWith(), sha1);
    const right = answer(await challenge(failed, `n,,${BARE}`), pencil).message;
    await fails(step(failed, right.replace("c=biws", "c=eSws")), "not-authorized");
    await fails(step(failed, right), "malformed-request");
  });

  it("passes on what the look-up says of an account", async () => {
    const disabled = async () => {
      throw new SaslError("account-disabled");
    };
    await fails(
      step(new Scram(await contextWith({ credentials: disabled }), sha1), `n,,${BARE}`),
      "account-disabled",
    );
  });
});
