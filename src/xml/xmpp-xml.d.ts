// COMPAT: @xmpp/xml 0.14 ships no types. Only what element.ts uses is declared.
declare module "@xmpp/xml" {
  import type { Element as SluiceElement } from "./element.js";
  export const Element: new (name: string, attrs?: Record<string, string>) => SluiceElement;
  export function xml(
    name: string,
    attrs: Record<string, string>,
    ...children: (SluiceElement | string)[]
  ): SluiceElement;
}
