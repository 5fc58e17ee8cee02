using static Stoker.Engine.Kernels.Emitted.Memory;

namespace Stoker.Engine.Kernels.Emitted;

/// <remarks>
/// One token against four panels at a time. With the two sums of one panel a core waits for each product; with eight sums
/// it does not, and every output is one accumulator as ever. Called as the tiles are, but r8 is the bytes from one panel to
/// the next, and the outputs of the four stand side by side.
/// </remarks>
internal sealed partial class TileEmitter
{
    public const int PanelsAtOnce = 4;

    public int Bf16FourPanels()
    {
        var start = StartPanels();
        RepeatSteps(steps =>
        {
            for (var step = 0; step < steps; step++)
            {
                const int X = 31;
                code.LoadRepeated(X, At(Register.Rsi, step * sizeof(int)));
                for (var panel = 0; panel < PanelsAtOnce; panel++)
                {
                    code.DotBf16(2 * panel, X, At(PanelStream(panel), step * StepBytes));
                    code.DotBf16((2 * panel) + 1, X, At(PanelStream(panel), (step * StepBytes) + VectorBytes));
                }
            }

            for (var panel = 1; panel < PanelsAtOnce; panel++) code.Add(PanelStream(panel), steps * StepBytes);
            code.Add(Register.Rsi, steps * sizeof(int));
        });
        StorePanels();
        return start;
    }

    public int Fp8FourPanels()
    {
        const int X = 28;
        var start = StartPanels();
        LoadFp8Tables();
        var loop = code.Position;
        code.LoadRepeated(X, At(Register.Rsi));
        code.LoadRepeated(X + 1, At(Register.Rsi, sizeof(int)));
        for (var panel = 0; panel < PanelsAtOnce; panel++)
        {
            DecodeFp8(PanelStream(panel));
            for (var pair = 0; pair < 2; pair++)
            {
                code.DotBf16(2 * panel, Fp8Pairs + (2 * pair), X + pair);
                code.DotBf16((2 * panel) + 1, Fp8Pairs + (2 * pair) + 1, X + pair);
            }

            code.Add(PanelStream(panel), StepBytes);
        }

        code.Add(Register.Rsi, 2 * sizeof(int));
        code.Subtract(Register.Rcx, 1);
        code.JumpIfNotZero(loop);
        StorePanels();
        return start;
    }

    private static Register PanelStream(int panel) => panel switch
    {
        0 => Register.Rdi,
        1 => Register.R10,
        2 => Register.R11,
        _ => Register.Rax,
    };

    private int StartPanels()
    {
        var start = code.Align();
        for (var panel = 1; panel < PanelsAtOnce; panel++)
        {
            code.Move(PanelStream(panel), PanelStream(panel - 1));
            code.Add(PanelStream(panel), Register.R8);
        }

        var fresh = BranchIfFresh();
        for (var sum = 0; sum < 2 * PanelsAtOnce; sum++) code.Load(sum, At(Register.Rdx, sum * VectorBytes));
        Rejoin(fresh, () =>
        {
            for (var sum = 0; sum < 2 * PanelsAtOnce; sum++) code.Zero(sum);
        });
        return start;
    }

    private void StorePanels()
    {
        for (var sum = 0; sum < 2 * PanelsAtOnce; sum++) code.Store(At(Register.Rdx, sum * VectorBytes), sum);
        code.Return();
    }
}
