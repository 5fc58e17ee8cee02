using Firectl;

return await FirectlProgram.RunAsync(args, FirectlContext.OfProcess());
