using static Stoker.Engine.Kernels.Emitted.Memory;

namespace Stoker.Engine.Kernels.Emitted;

/// <remarks>
/// The tiles on integers, Int8 and Fp4: per group of columns exact sums, which start at the correction for the weights'
/// bias, then out += (sum · weight scale) · activation scale. Up to four tokens keep their outputs in registers over all
/// groups, from five on they stay in memory (the level-1 cache) between groups: an addition and a rounding are the same.
/// </remarks>
internal sealed partial class TileEmitter
{
    private const int TokensInRegisters = 4;
    private const int FirstOutput = 8;
    private const int WeightScale = 28;
    private const int Rounder = 17;
    private const int Bias = 24; // where the weights were

    /// <summary>Groups of 128 columns: [quads][32][4] u8 = value + 128 and [32] f16; activations with a header per group.</summary>
    public int Int8(int mr, bool ahead = false)
    {
        const int GroupQuads = 32, QuadsPerRound = 2, First = 24;
        var start = code.Align();
        StartOutputs(mr);
        if (ahead) StartAhead(Block, StepBytes);
        code.LoadConstant(Rounder, Singles(-ActivationForms.Rounder));
        var group = code.Position;
        StartGroup(mr);
        code.Move(Register.Rax, Register.Rcx);
        code.Compare(Register.Rax, GroupQuads);
        var last = code.JumpIfNotAbove();
        code.Move(Register.Rax, GroupQuads);
        code.Land(last);
        code.Subtract(Register.Rcx, Register.Rax);

        var loop = code.Position;
        for (var quad = 0; quad < QuadsPerRound; quad++)
        {
            code.Load(First, At(Register.Rdi, quad * StepBytes));
            code.Load(First + 1, At(Register.Rdi, (quad * StepBytes) + VectorBytes));
            if (ahead) FetchAhead(Block, quad * StepBytes);
            DotTokens(mr, quad, First, First + 1);
        }

        code.Add(Register.Rdi, QuadsPerRound * StepBytes);
        code.Add(Register.Rsi, QuadsPerRound * mr * sizeof(int));
        code.Subtract(Register.Rax, QuadsPerRound);
        code.JumpIfNotZero(loop);

        EndGroup(mr);
        code.Test(Register.Rcx);
        code.JumpIfNotZero(group);
        EndOutputs(mr);
        return start;
    }

    /// <summary>Groups of 32 columns: [4][32][4] bytes with two codes each and [32] f16; activations with a header per group.</summary>
    public int Fp4(int mr, bool ahead = false)
    {
        const int GroupQuads = 8, Table = 16, First = 24, Second = 26;
        var start = code.Align();
        StartOutputs(mr);
        if (ahead) StartAhead(Block, StepBytes / 2); // two quads lie in a step's bytes
        code.LoadConstant(Table, Fp4Bytes());
        code.LoadConstant(Rounder, Singles(-ActivationForms.Rounder));
        var group = code.Position;
        StartGroup(mr);
        for (var pair = 0; pair < GroupQuads / 2; pair++)
        {
            for (var half = 0; half < 2; half++)
            {
                code.Load(First + half, At(Register.Rdi, (pair * StepBytes) + (half * VectorBytes)));
                code.ShiftWordsRight(Second + half, First + half, 4);
                code.PermuteBytes(First + half, First + half, Table);
                code.PermuteBytes(Second + half, Second + half, Table);
            }

            if (ahead) FetchAhead(Block, pair * StepBytes);
            DotTokens(mr, 2 * pair, First, First + 1);
            DotTokens(mr, (2 * pair) + 1, Second, Second + 1);
        }

        code.Add(Register.Rdi, GroupQuads / 2 * StepBytes);
        code.Add(Register.Rsi, GroupQuads * mr * sizeof(int));
        EndGroup(mr);
        code.Subtract(Register.Rcx, GroupQuads);
        code.JumpIfNotZero(group);
        EndOutputs(mr);
        return start;
    }

    private void DotTokens(int mr, int quad, int first, int second)
    {
        for (var token = 0; token < mr; token++)
        {
            var x = 18 + (token % 6);
            code.LoadRepeated(x, At(Register.Rsi, ((quad * mr) + token) * sizeof(int)));
            code.DotBytes(2 * token, first, x);
            code.DotBytes((2 * token) + 1, second, x);
        }
    }

    private void StartOutputs(int mr)
    {
        if (mr <= TokensInRegisters)
        {
            StartSums(mr, FirstOutput);
            return;
        }

        code.Test(Register.R9);
        var kept = code.JumpIfNotZero();
        code.Zero(0);
        code.Move(Register.Rax, Register.Rdx);
        for (var token = 0; token < mr; token++)
        {
            code.Store(At(Register.Rax), 0);
            code.Store(At(Register.Rax, VectorBytes), 0);
            if (token + 1 < mr) code.Add(Register.Rax, Register.R8);
        }

        code.Land(kept);
    }

    private void EndOutputs(int mr)
    {
        if (mr <= TokensInRegisters) StoreSums(mr, FirstOutput);
        code.Return();
    }

    /// <summary>Sums start at the header's corrections; r10 keeps the place of its scales, rsi moves to the values.</summary>
    private void StartGroup(int mr)
    {
        code.Move(Register.R10, Register.Rsi);
        for (var token = 0; token < mr; token++)
        {
            code.LoadRepeated(2 * token, At(Register.Rsi, token * sizeof(int)));
            code.Move((2 * token) + 1, 2 * token);
        }

        code.Add(Register.Rsi, mr * ActivationForms.GroupHeaderBytes);
    }

    /// <summary>Scales the sums and adds them to the outputs. rdi stands at the weights' scales.</summary>
    /// <remarks>
    /// A sum has started at the bits of 1.5 · 2^23, so its bits are the float 1.5 · 2^23 + s: one multiply-add with
    /// -1.5 · 2^23 · scale, which is exact, gives s · scale with one rounding and spares the conversion.
    /// </remarks>
    private void EndGroup(int mr)
    {
        code.LoadHalves(WeightScale, At(Register.Rdi));
        code.LoadHalves(WeightScale + 1, At(Register.Rdi, VectorBytes / 2));
        code.Add(Register.Rdi, Weights.PanelLayout.ScaleBytes);
        code.Multiply(Bias, WeightScale, Rounder);
        code.Multiply(Bias + 1, WeightScale + 1, Rounder);
        if (mr > TokensInRegisters) code.Move(Register.R11, Register.Rdx);
        for (var token = 0; token < mr; token++)
        {
            var x = 30 + (token % 2);
            code.LoadRepeated(x, At(Register.R10, (mr + token) * sizeof(int)));
            for (var half = 0; half < 2; half++)
            {
                var sum = (2 * token) + half;
                code.MultiplyAdd213(sum, WeightScale + half, Bias + half);
                if (mr <= TokensInRegisters)
                {
                    code.MultiplyAdd231(FirstOutput + sum, sum, x);
                    continue;
                }

                code.MultiplyAdd213(sum, x, At(Register.R11, half * VectorBytes));
                code.Store(At(Register.R11, half * VectorBytes), sum);
            }

            if (mr > TokensInRegisters && token + 1 < mr) code.Add(Register.R11, Register.R8);
        }
    }

    private static byte[] Singles(float value)
    {
        var bytes = new byte[VectorBytes];
        for (var at = 0; at < bytes.Length; at += sizeof(float)) BitConverter.TryWriteBytes(bytes.AsSpan(at), value);
        return bytes;
    }

    /// <summary>Four times the 16 codes: what stands in the bits above a code does not matter.</summary>
    private static byte[] Fp4Bytes()
    {
        var bytes = new byte[VectorBytes];
        for (var i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(Weights.Fp4.Doubled(i % 16) + Weights.Fp4.Bias);
        }

        return bytes;
    }
}
