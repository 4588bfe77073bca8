import type { ArchiveIds } from "../router/archive-ids.js";
import { MessageIds } from "../storage/message-id.js";
import type { MessageLog } from "../storage/message-log.js";
import type { ReferenceLog } from "../storage/reference-log.js";
import type { Account } from "../storage/types.js";
import type { ArchiveAccess } from "./api.js";

/** The archives of this server, as plugins see them. */
export class ServerArchive implements ArchiveAccess {
  readonly firstIdAt = MessageIds.firstAt;
  readonly timeOf = MessageIds.timeOf;

  constructor(
    private readonly ids: ArchiveIds,
    private readonly messages: Pick<MessageLog, "flushed">,
    private readonly references: Pick<ReferenceLog, "written">,
    /** The same on all other nodes. */
    private readonly others: () => Promise<unknown> = async () => undefined,
  ) {}

  nameOf(account: Account, id: number): string {
    return this.ids.format(account.id, id);
  }

  idOf(account: Account, name: string): number | undefined {
    return this.ids.parse(account.id, name);
  }

  async complete(): Promise<void> {
    await Promise.all([this.completeHere(), this.others()]);
  }

  /** All that this node was given is in the database. */
  async completeHere(): Promise<void> {
    await this.messages.flushed();
    await this.references.written();
  }
}
