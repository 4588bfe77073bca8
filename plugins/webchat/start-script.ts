interface Parts {
  /** What a user name without a domain is completed by. */
  domain: string;
  /** Path of the client's files, with a slash at its end. */
  assets: string;
  /** Hosts besides the page's own whose pictures, sound and films are shown. */
  hosts: readonly string[];
  /** Whether end-to-end encryption (OMEMO) can work: it needs personal eventing (XEP-0163). */
  omemo: boolean;
}

/** What runs in the page: it starts the client against whatever address the page itself came from. */
export function startScript({ domain, assets, hosts, omemo }: Parts): string {
  const folder = assets.slice(0, -1);
  const settings = {
    view_mode: "fullscreen",
    authentication: "login",
    default_domain: domain,
    discover_connection_methods: false,
    allow_registration: false,
    assets_path: folder,
    sounds_path: `${assets}sounds/`,
    notification_icon: `${assets}images/logo/conversejs-filled.svg`,
    loglevel: "error",
    whitelisted_plugins: ["sluice"],
    blacklisted_plugins: omemo ? [] : ["converse-omemo", "converse-omemo-views"],
    // All of these would ask somebody else.
    embed_3rd_party_media_players: false,
    autocomplete_providers_url: "",
    xmpp_providers_url: "",
    muc_search_service: "",
    emoji_image_path: folder,
  };
  return `import converse from ${JSON.stringify(`${assets}converse.min.js`)};
${FOOTER}
${SAME_RESOURCE}
const { host, hostname, origin, protocol } = location;
const media = [hostname, ...${JSON.stringify(hosts)}];

converse.initialize({
  ...${JSON.stringify(settings)},
  websocket_url: \`\${protocol === "https:" ? "wss:" : "ws:"}//\${host}/ws\`,
  bosh_service_url: \`\${origin}/http-bind\`,
  allowed_image_domains: media,
  allowed_audio_domains: media,
  allowed_video_domains: media,
});
`;
}

/** The client's own footer loads pictures from the web sites of others; this one says what it is, and loads nothing. */
const FOOTER = `
customElements.define("converse-footer", class extends HTMLElement {
  connectedCallback() {
    const link = document.createElement("a");
    Object.assign(link, { href: "https://conversejs.org", target: "_blank", rel: "noopener", textContent: "Converse" });
    const line = document.createElement("p");
    line.className = "text-center brand-subtitle";
    line.append("Sluice, with ", link);
    this.replaceChildren(line);
  }
});
`;

/**
 * COMPAT: after a reload Converse 14 resumes its stream (XEP-0198) but believes to have a new resource, which the server
 * has to end it for (RFC 6120 §8.1.2.1). So the resource is noted when the page goes, for the same tab alone.
 */
const SAME_RESOURCE = `
const STORED_JID = "conversejs-session-jid";
const left = sessionStorage.getItem("sluice-left");
sessionStorage.removeItem("sluice-left");
if (left && localStorage.getItem(STORED_JID) === left.split("/")[0]) localStorage.setItem(STORED_JID, left);

converse.plugins.add("sluice", {
  initialize() {
    const { connection } = this._converse.api;
    addEventListener("pagehide", () => {
      if (connection.connected()) sessionStorage.setItem("sluice-left", connection.get().jid);
    });
  },
});
`;
