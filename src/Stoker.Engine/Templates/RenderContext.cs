using System.Runtime.CompilerServices;

namespace Stoker.Engine.Templates;

/// <summary>
/// What one rendering has used so far, and where in the template it is. Everything that works on values charges here.
/// </summary>
internal sealed class RenderContext(TemplateLimits limits, TimeProvider time)
{
    // A needle up to this long is found at memory speed; beyond, a search may take needle x text steps.
    private const int ShortNeedle = 64;
    private long _steps;
    private long _text;
    private long _textLimit = limits.TextWork;
    private int _depth;

    public TemplateLimits Limits => limits;

    public TimeProvider Time => time;

    /// <summary>The line that is being evaluated, for error messages.</summary>
    public int Line { get; set; } = 1;

    public TemplateException Error(string reason) => new(reason, Line);

    public void Step(long count = 1)
    {
        _steps += count;
        if (_steps > limits.Steps) throw Error($"the template took more than {limits.Steps} steps");
    }

    /// <summary>Charges for reading or making that many characters.</summary>
    public void ChargeText(long characters)
    {
        _text += characters;
        if (_text > _textLimit) throw Error($"the template worked through more than {_textLimit} characters of text");
    }

    /// <summary>Charges for hashing a key or a name.</summary>
    public void ChargeKey(object? key)
    {
        if (key is Text text) ChargeText(text.Length);
        if (key is not TemplateList list) return;
        Step(list.Count);
        foreach (var item in list.Items) ChargeText((item as Text)?.Length ?? 0);
    }

    /// <summary>Charges for a search, whose worst case is the product of both lengths.</summary>
    public void ChargeSearch(int textLength, int needleLength) =>
        ChargeText(textLength + (needleLength > ShortNeedle ? (long)textLength * needleLength / ShortNeedle : 0));

    /// <summary>Text that came with the request widens the budget, since every template copies it.</summary>
    public void AddInput(long characters) => _textLimit += characters * limits.TextWorkPerInputCharacter;

    public void CheckLength(long characters)
    {
        if (characters > limits.StringCharacters)
            throw Error($"a string or the output is longer than {limits.StringCharacters} characters");
    }

    public void CheckItems(long count)
    {
        if (count > limits.ListItems) throw Error($"a list has {count} items; at most {limits.ListItems} are allowed");
        Step(count);
    }

    public void CheckValueDepth(int depth)
    {
        if (depth > limits.ValueDepth) throw Error($"a value is nested deeper than {limits.ValueDepth} levels");
    }

    /// <summary>
    /// Pairs with <see cref="Leave"/>. The second condition protects callers that come with little stack left.
    /// </summary>
    public void Enter()
    {
        if (++_depth > limits.EvaluationDepth || !RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Error($"the template is nested too deeply (calls included, {limits.EvaluationDepth} levels are allowed)");
    }

    public void Leave() => _depth--;
}
