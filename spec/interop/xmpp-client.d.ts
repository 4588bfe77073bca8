// COMPAT: @xmpp/client 0.14 ships no types. Only what clients/xmpp-js.ts uses is declared.
declare module "@xmpp/client" {
  import type { EventEmitter } from "node:events";

  export interface XmlElement {
    name: string;
    attrs: Record<string, string | undefined>;
    is(name: string, namespace?: string): boolean;
    getChild(name: string, namespace?: string): XmlElement | undefined;
    getChildren(name: string): XmlElement[];
    getChildText(name: string): string | null;
  }

  export interface Client extends EventEmitter {
    reconnect: { stop(): void };
    streamManagement: EventEmitter;
    iqCaller: { get(child: XmlElement): Promise<XmlElement> };
    iqCallee: { set(namespace: string, name: string, answer: (iq: { element: XmlElement }) => object): void };
    start(): Promise<{ toString(): string }>;
    stop(): Promise<unknown>;
    send(stanza: XmlElement): Promise<void>;
  }

  export function xml(
    name: string,
    attrs?: Record<string, string>,
    ...children: (XmlElement | string)[]
  ): XmlElement;

  export function client(options: {
    service: string;
    domain: string;
    username: string;
    password: string;
    resource: string;
  }): Client;
}
