using System.Buffers;
using System.Buffers.Text;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// What a client has of its stream, so that another replica can go on with it: how many events, and the ids of their
/// tokens. It is in this memory alone, and wiped with the request.
/// </summary>
internal sealed class StreamProgress(GatewayOptions options, BodyBudget budget) : IDisposable
{
    private const int FirstTokens = 64;

    private int[] _tokens = [];
    private int _count;
    private string? _beginning; // what the first replica said of it

    /// <summary>Events that were written to the client.</summary>
    public int Events { get; private set; }

    public bool HasBegun => Events > 0;

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, _count);

    /// <summary>How often a replica failed it that had got it.</summary>
    public int Breaks { get; set; }

    /// <summary>Who may go on with it; set by the first replica that can be followed.</summary>
    public Succession? Succession { get; private set; }

    /// <summary>Why it cannot go on elsewhere: a word of <see cref="BreakErrors"/>; null when it can.</summary>
    public string? Obstacle { get; private set; } = BreakErrors.Untold;

    /// <summary>Whether a failure of the replica would now be followed by another try, if there is another one.</summary>
    public bool CanGoOn => Obstacle is null && Breaks < options.ResumeAttempts;

    /// <summary>What to ask of the replica, in <see cref="ReplicaProtocol.ResumeHeader"/>; null to ask nothing.</summary>
    public string? Ask(Route route, ReplicaTarget replica, ScannedRequest request)
    {
        if (HasBegun) return string.Create(CultureInfo.InvariantCulture, $"{Events};{_beginning}");
        return request.Stream && replica.Kind is not null && route.BrokenStreams == BrokenStreams.Resume && options.ResumeAttempts > 0 ? "0" : null;
    }

    /// <summary>The body's field that goes with it, and a comma; empty while there are no tokens.</summary>
    public byte[] Field()
    {
        if (_count == 0) return [];
        var field = new ArrayBufferWriter<byte>(32 + (_count * 6));
        field.Write(Encoding.ASCII.GetBytes($"\"{ReplicaProtocol.ResumeField}\":["));
        for (var index = 0; index < _count; index++)
        {
            if (index > 0) field.Write(","u8);
            Utf8Formatter.TryFormat(_tokens[index], field.GetSpan(11), out var written);
            field.Advance(written);
        }

        field.Write("],"u8);
        return field.WrittenSpan.ToArray();
    }

    /// <summary>A replica answers; events follow.</summary>
    public void Follow(ReplicaTarget replica, HttpResponseHeaders headers)
    {
        if (HasBegun) return; // what the first one said holds
        (Obstacle, Succession) = (BreakErrors.Untold, null); // another one may have said otherwise before it failed
        var said = headers.NonValidated.TryGetValues(ReplicaProtocol.ResumeHeader, out var values) ? values.ToString() : "";
        if (replica.Kind is not { } kind || said.Length == 0) return;
        const string No = "no=";
        Obstacle = !said.StartsWith(No, StringComparison.Ordinal) ? null
            : said[No.Length..] is ReplicaProtocol.ResumeSampled or ReplicaProtocol.ResumeChoices ? said[No.Length..] : BreakErrors.Untold;
        _beginning = said;
        Succession = Obstacle is null ? new(kind) : null;
    }

    /// <summary>The client has one more event.</summary>
    /// <param name="mark">The line of its tokens; empty when it has none.</param>
    public void Passed(ReadOnlySpan<byte> mark)
    {
        Events++;
        if (Obstacle is not null || mark.IsEmpty) return;
        mark = mark[ReplicaProtocol.TokensMark.Length..];
        while (mark.Length > 0 && mark[0] != '\n')
        {
            if (!Utf8Parser.TryParse(mark, out int id, out var length) || length == mark.Length || !TryAdd(id))
            {
                Obstacle = BreakErrors.TooLong;
                Forget();
                return;
            }

            mark = mark[(mark[length] == ',' ? length + 1 : length)..];
        }
    }

    public void Dispose() => Forget();

    private bool TryAdd(int id)
    {
        if (_count == options.ResumeMaxTokens) return false;
        if (_count == _tokens.Length && !TryGrow()) return false;
        _tokens[_count++] = id;
        return true;
    }

    private bool TryGrow()
    {
        var size = Math.Max(_tokens.Length * 2, FirstTokens);
        if (!budget.TryTake(size * sizeof(int))) return false;
        var larger = ArrayPool<int>.Shared.Rent(size);
        budget.Adjust((larger.Length - size) * sizeof(int)); // the pool rounds up
        var count = _count;
        Tokens.CopyTo(larger);
        Forget();
        (_tokens, _count) = (larger, count);
        return true;
    }

    private void Forget()
    {
        if (_tokens.Length > 0)
        {
            _tokens.AsSpan(0, _count).Clear();
            ArrayPool<int>.Shared.Return(_tokens);
            budget.Adjust(-_tokens.Length * sizeof(int));
        }

        (_tokens, _count) = ([], 0);
    }
}
