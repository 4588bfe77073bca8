export const DOMAIN = "localhost";
export const PASSWORD = "secret";

/** Where the server listens at the moment; undefined while it is down. */
export interface Place {
  port: number | undefined;
  /** Resolves when the server is up (again). */
  up(): Promise<number>;
}
