using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Gateway;

/// <summary>Limits and timeouts of inference requests. Configuration section <see cref="Section"/>.</summary>
public sealed class GatewayOptions
{
    public const string Section = "Stoker:Gateway";

    /// <summary>
    /// Top-level keys that the surface does not know are passed over instead of refused; engines of other makers may
    /// still refuse them.
    /// </summary>
    public bool RelaxUnknownFields { get; set; }

    /// <summary>16 MiB hold some four million tokens of text; what is longer is refused with 413.</summary>
    [Range(1_024, 1 << 30)]
    public int MaxBodyBytes { get; set; } = 16 << 20;

    /// <summary>
    /// All bodies and whole answers that are being held at once. Beyond it requests are refused with 503 until others
    /// end.
    /// </summary>
    [Range(1 << 20, 1L << 40)]
    public long MaxHeldBodyBytes { get; set; } = 1L << 30;

    /// <summary>Nesting of a request body; tool schemas go some twenty levels deep.</summary>
    [Range(8, 512)]
    public int MaxDepth { get; set; } = 64;

    /// <summary>
    /// One event of a stream. A token with twenty alternatives takes some 4 KiB; 128 choices in one event half a
    /// megabyte.
    /// </summary>
    [Range(4_096, 1 << 30)]
    public int MaxEventBytes { get; set; } = 4 << 20;

    /// <summary>
    /// An answer that is not streamed: 128 choices of 2,000 tokens with log-probabilities stay below it.
    /// </summary>
    [Range(4_096, 1 << 30)]
    public int MaxAnswerBytes { get; set; } = 64 << 20;

    /// <summary>
    /// How long a request waits for a server that has just started, or takes over from another, to know its deployments.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan StartPatience { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>For a client to send its whole body: 16 MiB in two minutes is a slow home line.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan RequestBodyTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Below it, after <see cref="MinBodyRateGrace"/>, a client counts as stalling on purpose. Kestrel's own default.
    /// </summary>
    [Range(1, 1 << 30)]
    public double MinBodyBytesPerSecond { get; set; } = 240;

    [Range(typeof(TimeSpan), "00:00:01.001", "01:00:00")]
    public TimeSpan MinBodyRateGrace { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// To connect to a replica: they are near, so that one which does not accept within it is in trouble.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:05:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// From the request to the head of the answer, which a whole answer gets after its last token: hence so long.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan FirstByteTimeout { get; set; } = TimeSpan.FromMinutes(20);

    /// <summary>
    /// Between two reads of an answer: a decode step takes well under a second, a preempted sequence waits for others.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan GapTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long one write to a client may wait before its request is cancelled, so that it does not hold a place in a
    /// batch.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan SlowReaderTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Requests of one deployment that are held while no replica is ready; a deployment may say otherwise. More are
    /// refused with 429.
    /// </summary>
    [Range(1, HoldLimits.MostRequests)]
    public int HoldMaxRequests { get; set; } = 1_000;

    /// <summary>Bytes of their bodies together: a thousand prompts of a quarter of a megabyte.</summary>
    [Range(HoldLimits.LeastBytes, HoldLimits.MostBytes)]
    public long HoldMaxBytes { get; set; } = 256L << 20;

    /// <summary>
    /// The longest that one request is held: OpenAI's clients give up after ten minutes, and a replica of a large model
    /// is up in less.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan HoldTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Replicas that a stream whose replica failed may try after it, to go on. Each may be killed by the same request. A request whose
    /// client has nothing yet is run again as often, at least 2 times; 0: nothing goes on or is run again.
    /// </summary>
    [Range(0, 16)]
    public int ResumeAttempts { get; set; } = 1;

    /// <summary>Tokens of one stream that are kept to go on with it elsewhere, 4 bytes each: a longer stream does not go on.</summary>
    [Range(1, 131_072)]
    public int ResumeMaxTokens { get; set; } = 65_536;
}

[OptionsValidator]
internal sealed partial class GatewayOptionsValidator : IValidateOptions<GatewayOptions>;
