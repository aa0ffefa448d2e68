package ottla.testing;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Map;

/** What a program tells its test: one line of JSON per observation on standard output. */
final class Report {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Report() {}

    /** Prints an observation: {@code say("fencing", "commit", "ProducerFencedException")}. */
    static synchronized void say(String about, Object... namesAndValues) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put("about", about);
        for (int at = 0; at < namesAndValues.length; at += 2) {
            line.put((String) namesAndValues[at], namesAndValues[at + 1]);
        }
        try {
            System.out.println(JSON.writeValueAsString(line));
        } catch (JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }

    /** The simple name of what an action threw, of the cause where the client wraps it, or "none". */
    static String thrownBy(Action action) {
        try {
            action.run();
            return "none";
        } catch (java.util.concurrent.ExecutionException wrapped) {
            return wrapped.getCause().getClass().getSimpleName();
        } catch (Exception thrown) {
            return thrown.getClass().getSimpleName();
        }
    }

    interface Action {
        void run() throws Exception;
    }
}
