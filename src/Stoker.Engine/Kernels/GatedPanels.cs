using Stoker.Engine.Models;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <summary>Two matrices of one shape and format whose outputs meet one by one: act(gate · x) · (up · x).</summary>
/// <remarks>They are multiplied together, panel by panel, so that only what is left of both is written.</remarks>
internal sealed record GatedPanels
{
    public GatedPanels(PanelMatrix gate, PanelMatrix up, float[]? gateBias, float[]? upBias, Activation activation)
    {
        if ((gate.Format, gate.Rows, gate.Columns) != (up.Format, up.Rows, up.Columns))
        {
            throw new ArgumentException($"up is {up.Format} [{up.Rows}, {up.Columns}], gate {gate.Format} [{gate.Rows}, {gate.Columns}]", nameof(up));
        }

        (Gate, Up, GateBias, UpBias, Activation) = (gate, up, gateBias, upBias, activation);
    }

    public PanelMatrix Gate { get; }

    public PanelMatrix Up { get; }

    /// <summary>Null, or [rows].</summary>
    public float[]? GateBias { get; }

    public float[]? UpBias { get; }

    public Activation Activation { get; }
}

/// <summary>What addons add in one MLP; null where none does.</summary>
internal readonly record struct GatedChanges(LowRankProduct? GateUp, LowRankProduct? Down);
