namespace Stoker.Engine.Templates;

/// <summary>A template cannot be parsed or rendered. The message is fit for the answer to the caller (a 400), who sent the
/// messages or named the template.</summary>
/// <remarks>Our own messages name types and the template's identifiers, never message text; only what a template passes to
/// <c>raise_exception</c> may quote the request, so do not log the message when <see cref="IsUserRaised"/>.</remarks>
public sealed class TemplateException : Exception
{
    /// <param name="line">The line of the template, from 1; null when the fault has no place in it.</param>
    public TemplateException(string reason, int? line = null, bool isUserRaised = false)
        : base(isUserRaised || line is null ? reason : $"chat template, line {line}: {reason}") =>
        (Reason, Line, IsUserRaised) = (reason, line, isUserRaised);

    /// <summary>The message without its place.</summary>
    public string Reason { get; }

    public int? Line { get; }

    /// <summary>The template itself refused the messages, with <c>raise_exception</c>.</summary>
    public bool IsUserRaised { get; }
}
