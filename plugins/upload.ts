/** HTTP File Upload: XEP-0363. */
import { join } from "node:path";
import { domainToASCII } from "node:url";
import { definePlugin, type Jid, type PluginContext, xml } from "../src/plugin/api.js";
import { Allowance } from "./upload/allowance.js";
import { Downloads } from "./upload/download.js";
import { UploadFolder } from "./upload/folder.js";
import { NS_OWN, NS_PURPOSE, NS_UPLOAD } from "./upload/namespace.js";
import { type UploadOptions, uploadOptions } from "./upload/options.js";
import { Uploads } from "./upload/receive.js";
import { createSignature } from "./upload/signature.js";
import { SlotDesk } from "./upload/slot-desk.js";
import { Sweeper } from "./upload/sweeper.js";

export default definePlugin<UploadOptions>({
  name: "upload",
  about: "Takes files that people send each other, and hands them out.",
  options: uploadOptions,
  async setup(ctx, options) {
    const host = domainToASCII(ctx.domain);
    /** Where several domains share a web address, the name tells whose file it is. */
    const path = `/upload/${host}/`;
    const folder = await UploadFolder.open(join(ctx.dataFolder, "uploads", host));
    const allowance = new Allowance(ctx, options);
    const signature = await createSignature(ctx);
    announce(ctx, options);

    /**
     * §4 demands HTTPS. A page that came from this machine without TLS may not be able to use it, since nobody told the
     * browser to trust the certificate; and what it uploads does not leave the machine either.
     */
    const base = (asker: Jid) => {
      const isPage = ctx.sessions.get(asker)?.session?.plainLocal ?? false;
      return options.baseUrl ?? (isPage ? ctx.localWebAddress : undefined) ?? ctx.webAddress;
    };
    const desk = new SlotDesk(ctx, options, { allowance, signature, path, base });
    ctx.iq({ type: "get", to: "server", ns: NS_UPLOAD, name: "request" }, (iq, request) =>
      desk.answer(iq.from, request),
    );

    const uploads = new Uploads(ctx, { folder, allowance, signature, path });
    const downloads = new Downloads(folder, path);
    // §8: pages of web sites have to be able to do both.
    ctx.http({
      method: "PUT",
      path,
      cors: true,
      unhurried: true,
      handler: (...both) => uploads.receive(...both),
    });
    ctx.http({ method: "GET", path, cors: true, handler: (...both) => downloads.answer(...both) });
    ctx.onStop(() => uploads.stop());

    const sweeper = new Sweeper(ctx, folder);
    sweeper.start();
    ctx.onStop(() => sweeper.stop());
  },
});

/** §3; §5: files are kept as messages are, or for a shorter time. */
function announce(ctx: PluginContext, { maxFileSize, quota }: UploadOptions): void {
  ctx.identity({ category: "store", type: "file", name: "HTTP File Upload" });
  ctx.feature(NS_UPLOAD);
  for (const purpose of ["message", "ephemeral"]) ctx.feature(`${NS_PURPOSE}#${purpose}`);
  const field = (name: string, value: string, type?: string) =>
    xml("field", { var: name, type }, xml("value", {}, value));
  ctx.form(
    xml(
      "x",
      { xmlns: "jabber:x:data", type: "result" },
      field("FORM_TYPE", NS_UPLOAD, "hidden"),
      field("max-file-size", String(Math.min(maxFileSize, quota))),
      // XEP-0363 has no field for this: XEP-0068 §3.4 says how to add one.
      field(`{${NS_OWN}}quota`, String(quota)),
    ),
  );
}
