namespace Stoker.Api.Replicas;

/// <summary>
/// What the control plane and a replica agree on beside the OpenAI surface: paths, headers, file names. Both sides name
/// them from here.
/// </summary>
public static class ReplicaProtocol
{
    /// <summary>
    /// Raised when a server can no longer own replicas of an older one; answered at <see cref="HealthPath"/>.
    /// </summary>
    public const int Version = 1;

    /// <summary>
    /// GET: <see cref="ReplicaHealth"/>; 200 only when the model answers and the replica does not drain, else 503. Runs
    /// no inference.
    /// </summary>
    public const string HealthPath = "/health";

    /// <summary>
    /// Query of <see cref="HealthPath"/>, up to <see cref="MostHealthWaitMs"/>: while the replica loads, it answers when it
    /// is ready, when it has failed, or when another tenth is loaded; after so many milliseconds anyway. An older program
    /// answers at once.
    /// </summary>
    public const string HealthWaitQuery = "waitMs";

    public const int MostHealthWaitMs = 10_000;

    /// <summary>
    /// POST <see cref="RenewLeaseRequest"/>: the owner is alive. Without it for the lease's length the replica drains
    /// and ends.
    /// </summary>
    public const string LeasePath = "/stoker/v1/lease";

    /// <summary>POST: take no new request, end with the last stream. Also what SIGTERM does.</summary>
    public const string DrainPath = "/stoker/v1/drain";

    /// <summary>POST: loads an addon under a name, from a folder that the replica sees. Path and fields are vLLM's.</summary>
    public const string LoadAddonPath = "/v1/load_lora_adapter";

    /// <summary>POST: the name is gone; requests that run with the addon go on.</summary>
    public const string UnloadAddonPath = "/v1/unload_lora_adapter";

    /// <summary>GET: the addons by name, with digest, rank and state.</summary>
    public const string AddonsPath = "/stoker/v1/addons";

    /// <summary>Every internal header starts so; a gateway strips such headers from what clients send.</summary>
    public const string HeaderPrefix = "x-stoker-";

    /// <summary>The server-made id of a request, for the replica's log and answers.</summary>
    public const string RequestIdHeader = "x-stoker-request-id";

    /// <summary>
    /// <c>1</c>: top-level fields of the body that the replica does not know are passed over instead of refused.
    /// </summary>
    public const string RelaxedHeader = "x-stoker-relaxed";

    /// <summary>
    /// The name space of the request's prefixes in the replica's cache, at most <see cref="MostCacheSaltLength"/>
    /// characters: made by the server of who asks and of what, never of what a client says.
    /// </summary>
    public const string CacheSaltHeader = "x-stoker-cache-salt";

    public const int MostCacheSaltLength = 255;

    /// <summary>The surface's own header, twin of the field <c>prompt_cache_isolation_key</c>: narrows the name space. A
    /// gateway hands it on.</summary>
    public const string IsolationKeyHeader = "x-prompt-cache-isolation-key";

    /// <summary>
    /// On a 503: the replica ends and has begun nothing of the request, so another one may take it. Its value says why.
    /// </summary>
    public const string TurnedAwayHeader = "x-stoker-turned-away";

    /// <summary>
    /// Asks for a stream that another replica can go on with, and goes on with one. A request has the number of events that
    /// its client has: 0, or a number with <c>;</c> and what the first replica said in this header. An answer has what the
    /// next replica must know, or <c>no=</c> and the cause, <see cref="ResumeSampled"/> or <see cref="ResumeChoices"/>.
    /// </summary>
    public const string ResumeHeader = "x-stoker-resume";

    /// <summary>The cause of a stream that would not come out the same: it is drawn at random, without a seed.</summary>
    public const string ResumeSampled = "sampled";

    /// <summary>Of one that has several choices, which come mixed.</summary>
    public const string ResumeChoices = "choices";

    /// <summary>
    /// The body's field beside <see cref="ResumeHeader"/>: ids of the answer's tokens that the client has. A gateway takes it
    /// from no client.
    /// </summary>
    public const string ResumeField = "stoker_resume";

    /// <summary>
    /// In front of an event, a comment of its own line: the ids of the tokens that its text comes from, with commas. For the
    /// gateway, which takes it out.
    /// </summary>
    public static ReadOnlySpan<byte> TokensMark => ":stoker-tokens "u8;

    /// <summary>
    /// GET, with the id of a request after it: <see cref="ReplicaRequestUsage"/> of one that ended a while ago at the most, or
    /// ends within seconds; else 404. For a gateway whose client hung up before it was told.
    /// </summary>
    public const string RequestsPath = "/stoker/v1/requests/";

    /// <summary>
    /// Drafts of a whole answer, verified and accepted, as <c>8,6</c>; without it there were none. A stream has the same behind
    /// <see cref="DraftsMark"/>.
    /// </summary>
    public const string DraftsHeader = "x-stoker-drafts";

    /// <summary>As <see cref="TokensMark"/>, and after it: in front of the event that has the usage.</summary>
    public static ReadOnlySpan<byte> DraftsMark => ":stoker-drafts "u8;

    /// <summary>Printable ASCII in the header; any characters in the field.</summary>
    public const int MostIsolationKeyLength = 255;

    /// <summary>Files in a replica's directory.</summary>
    public const string SpecFile = "spec.json";
    public const string LogFile = "log.txt";
    public const string ExitFile = "exit.json";
    public const string LifeFile = "alive.json";

    /// <summary>
    /// How often a replica writes its sign of life: what is not known of one that ended while nobody looked. The ledger's
    /// bound is 10 s, so that some may be late.
    /// </summary>
    public static readonly TimeSpan LifeInterval = TimeSpan.FromSeconds(2);

    public static readonly TimeSpan LeaseLength = TimeSpan.FromSeconds(60);
}

/// <summary>A replica's answer at <see cref="ReplicaProtocol.HealthPath"/>.</summary>
/// <param name="ReplicaId">The identity its owner gave it; an answer with another one is not this replica.</param>
/// <param name="Protocol"><see cref="ReplicaProtocol.Version"/> of the replica's program.</param>
/// <param name="State">STARTING, LOADING, READY, DRAINING or FAILED.</param>
/// <param name="Progress">0..1 while LOADING, else null.</param>
/// <param name="MaxSequences">Sequences it runs at once, known when READY; what load fractions are fractions
/// of.</param>
/// <param name="HeartbeatAgeMs">Age of the engine loop's last turn: liveness.</param>
/// <param name="Requests">Requests inside, running and queued, of whoever sent them; null of an older program.</param>
public sealed record ReplicaHealth(
    string ReplicaId, int Protocol, string State, double? Progress, int? MaxSequences, string? KernelSet, long? HeartbeatAgeMs, int? Requests = null)
{
    /// <summary>How long ago, by the replica's monotonic clock, the model had answered; null before.</summary>
    public double? ReadyMs { get; init; }

    /// <summary>Which build of the engine it is: two builds need not give the same bits. Null of an older program.</summary>
    public string? EngineBuild { get; init; }

    /// <summary>Tokens of prompts that its prefix cache holds, known when READY; 0: it has none. Null of an older program.</summary>
    public long? CacheTokens { get; init; }
}

/// <summary>What a request used, all its choices together: as far as it came, where it was cancelled.</summary>
/// <param name="CachedTokens">Of the prompt, those that were not computed again.</param>
/// <param name="DraftedTokens">Drafts that were verified; 0 of a request that was cancelled.</param>
public sealed record ReplicaRequestUsage(int PromptTokens, int CachedTokens, int GeneratedTokens, int DraftedTokens, int AcceptedTokens);

/// <summary>Extends the lease to <paramref name="Seconds"/> from now.</summary>
public sealed record RenewLeaseRequest(string ReplicaId, double Seconds);

/// <summary>
/// A replica's last words, in its directory, because an adopted process has no exit code for its owner to see.
/// </summary>
/// <param name="Reason">DRAINED, LEASE_EXPIRED, LOAD_FAILED or CRASHED.</param>
public sealed record ReplicaExit(string ReplicaId, string Reason, string Message, DateTimeOffset Time);

/// <summary>
/// A replica's own proof of life, in its directory: for an owner that was not there when it ended.
/// </summary>
/// <param name="BootId">The boot that <paramref name="Ticks"/> counts in, as the system names it.</param>
/// <param name="Ticks">When it was written, in 100 ns since the boot's arbitrary beginning.</param>
public sealed record ReplicaLifeSign(string ReplicaId, string BootId, long Ticks);
