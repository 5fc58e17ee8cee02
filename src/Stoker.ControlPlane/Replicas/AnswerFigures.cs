namespace Stoker.ControlPlane.Replicas;

/// <summary>How many answers went well and how many did not, and how soon their first tokens came.</summary>
/// <param name="FirstTokens">Streams by the time to their first token, in buckets a quarter of a doubling wide.</param>
public sealed record AnswerFigures(long Good, long Failed, IReadOnlyList<long> FirstTokens)
{
    /// <summary>From one millisecond to a minute.</summary>
    public const int Buckets = 64;

    private const int BucketsPerDoubling = 4;

    public static AnswerFigures None { get; } = new(0, 0, new long[Buckets]);

    public long Count => Good + Failed;

    public long Streams => FirstTokens.Sum();

    /// <summary>The median time to the first token, to a quarter of a doubling; null without streams.</summary>
    public TimeSpan? MedianFirstToken
    {
        get
        {
            var (half, seen) = ((Streams + 1) / 2, 0L);
            for (var bucket = 0; half > 0 && bucket < Buckets; bucket++)
            {
                seen += FirstTokens[bucket];
                if (seen >= half) return TimeSpan.FromMilliseconds(Math.Pow(2, (bucket + 0.5) / BucketsPerDoubling));
            }

            return null;
        }
    }

    public static int BucketOf(TimeSpan after) =>
        Math.Clamp((int)(Math.Log2(Math.Max(after.TotalMilliseconds, 1)) * BucketsPerDoubling), 0, Buckets - 1);

    public AnswerFigures Plus(AnswerFigures other) =>
        new(Good + other.Good, Failed + other.Failed, [.. FirstTokens.Zip(other.FirstTokens, (left, right) => left + right)]);

    public AnswerFigures Minus(AnswerFigures other) =>
        new(Good - other.Good, Failed - other.Failed, [.. FirstTokens.Zip(other.FirstTokens, (left, right) => left - right)]);
}
