using System.Globalization;
using Stoker.Api.Problems;

namespace Firectl;

/// <summary>What <c>--expire-time</c> and its like take: a date, or a date and a time of day, in UTC.</summary>
internal static class ExpireTime
{
    public static DateTimeOffset? Parse(string? text, string flag = "--expire-time")
    {
        if (text is null) return null;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : throw new ProblemException(Problem.InvalidArgument($"{flag} takes YYYY-MM-DD[ HH:MM:SS] in UTC, was '{text}'"));
    }
}
