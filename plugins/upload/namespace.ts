export const NS_UPLOAD = "urn:xmpp:http:upload:0";
/** Of what Sluice adds. */
export const NS_OWN = "urn:sluice:upload";
export const NS_PURPOSE = "urn:xmpp:http:upload:purpose:0";
