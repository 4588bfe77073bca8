// COMPAT: tr46 6 ships no types. Only what is used is declared.
declare module "tr46" {
  export interface Tr46Options {
    checkHyphens?: boolean;
    checkBidi?: boolean;
    checkJoiners?: boolean;
    useSTD3ASCIIRules?: boolean;
    verifyDNSLength?: boolean;
  }
  export function toUnicode(domain: string, options?: Tr46Options): { domain: string; error: boolean };
  /** null where the name is not valid. */
  export function toASCII(domain: string, options?: Tr46Options): string | null;
}

declare module "tr46/lib/regexes.js" {
  /** Character data that `\p{…}` cannot ask for: Bidi_Class, Joining_Type, Canonical_Combining_Class. */
  const regexes: {
    /** Canonical_Combining_Class=Virama. */
    combiningClassVirama: RegExp;
    /** RFC 5892 appendix A.1, the rule on Joining_Type, anywhere in a string. */
    validZWNJ: RegExp;
    /** Any code point of Bidi_Class R, AL or AN. */
    bidiDomain: RegExp;
    /** RFC 5893 §2, condition by condition. S1 judges a first code point, the others a whole label. */
    bidiS1LTR: RegExp;
    bidiS1RTL: RegExp;
    bidiS2: RegExp;
    bidiS3: RegExp;
    bidiS4EN: RegExp;
    bidiS4AN: RegExp;
    bidiS5: RegExp;
    bidiS6: RegExp;
  };
  export default regexes;
}
