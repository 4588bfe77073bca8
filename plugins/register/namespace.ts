export const NS_REGISTER = "jabber:iq:register";
