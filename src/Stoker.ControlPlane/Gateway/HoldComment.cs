using System.Buffers;
using System.Globalization;
using System.Text;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// What a held stream says while it waits: a comment, which clients of server-sent events skip and curl shows.
/// </summary>
internal static class HoldComment
{
    private const int MostBytes = 160;

    /// <param name="isReady">Replicas are ready and the request waits for a place on one of them.</param>
    /// <param name="waitsForCapacity">Others hold what its replicas need: nobody knows how long.</param>
    /// <param name="queued">Requests that the deployment's queue holds.</param>
    public static void Write(IBufferWriter<byte> writer, StartEstimate estimate, bool isReady, bool waitsForCapacity, int queued)
    {
        var (progress, left) = isReady ? (1, TimeSpan.Zero) : (estimate.Progress, estimate.Left);
        var phase = estimate.Phase switch
        {
            StartPhase.Loading => "loading",
            StartPhase.Starting => "starting",
            _ => "scheduling",
        };
        var rest = waitsForCapacity && !isReady
            ? "cause=capacity"
            : string.Create(CultureInfo.InvariantCulture, $"eta_ms={(long)left.TotalMilliseconds}");
        var text = string.Create(CultureInfo.InvariantCulture, $": stoker phase={phase} progress={progress:0.00} {rest} queue={queued}\n\n");
        writer.Advance(Encoding.ASCII.GetBytes(text, writer.GetSpan(MostBytes)));
    }
}
