export const NS_MAM = "urn:xmpp:mam:2";
export const NS_EXTENDED = "urn:xmpp:mam:2#extended";
export const NS_GROUPCHAT_FIELD = "urn:xmpp:mam:2#groupchat-field";
export const NS_SID = "urn:xmpp:sid:0";
export const NS_FORM = "jabber:x:data";
export const NS_RSM = "http://jabber.org/protocol/rsm";
