using System.Globalization;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Replicas;

namespace Stoker.Replica.Requests;

/// <summary>What of an answer's beginning does not follow from the request; it stays as it was on the first replica.</summary>
/// <param name="Created">The answer's <c>created</c>.</param>
/// <param name="CachedTokens">What the usage tells.</param>
/// <param name="MaxTokens">The bound in force, which the size of the first replica's cache may have lowered.</param>
internal sealed record AnswerBeginning(long Created, int CachedTokens, int MaxTokens)
{
    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"created={Created};cached={CachedTokens};limit={MaxTokens}");

    public static AnswerBeginning? Parse(string text) =>
        text.Split(';') is [var created, var cached, var limit]
        && Number(created, "created=") is { } first && Number(cached, "cached=") is >= 0 and <= int.MaxValue and var second
        && Number(limit, "limit=") is >= 0 and <= int.MaxValue and var third
            ? new(first, (int)second, (int)third)
            : null;

    private static long? Number(string text, string name) =>
        text.StartsWith(name, StringComparison.Ordinal) && long.TryParse(text.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}

/// <summary>The gateway wants to be able to go on with the stream elsewhere, or goes on here with one.</summary>
/// <param name="Events">Events that the client has.</param>
/// <param name="First">Null: the answer begins here.</param>
internal sealed record Resumption(int Events, AnswerBeginning? First)
{
    /// <summary>Null when nobody asks.</summary>
    /// <exception cref="ApiException">The header does not fit, or not to the request.</exception>
    public static Resumption? Of(IHeaderDictionary headers, InferenceRequest request)
    {
        var header = headers[ReplicaProtocol.ResumeHeader];
        if (header.Count == 0)
        {
            return request.Answered is null ? null : throw Refused(ReplicaProtocol.ResumeField, $"goes with the header {ReplicaProtocol.ResumeHeader}");
        }

        if (!request.Stream) throw Refused(ReplicaProtocol.ResumeHeader, "is for streams");
        if (header.ToString() == "0" && request.Answered is null) return new(0, null);
        var parts = header.ToString().Split(';', 2);
        var fits = header.Count == 1 && parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var events)
            && events > 0 && AnswerBeginning.Parse(parts[1]) is not null;
        if (!fits) throw Refused(ReplicaProtocol.ResumeHeader, "must be 0, or a number of events above it, ';' and what the first replica said in it");
        return new(int.Parse(parts[0], CultureInfo.InvariantCulture), AnswerBeginning.Parse(parts[1]));
    }

    /// <summary>Why the request's stream cannot go on elsewhere as if nothing had happened; null when it can.</summary>
    public static string? Obstacle(InferenceRequest request, int choices, Stoker.Engine.SamplingOptions defaults)
    {
        var sampling = request.Sampling.Over(defaults);
        if (choices != 1) return ReplicaProtocol.ResumeChoices;
        return sampling.Temperature == 0 || sampling.Seed is not null ? null : ReplicaProtocol.ResumeSampled;
    }

    private static ApiException Refused(string parameter, string rule) => Field.Refused(parameter, rule);
}
