import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.zip.CRC32;
import org.apache.avro.generic.GenericRecord;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/** The fold of `benchmarks/workload.py`: one event into the state of its customer, and every tenth an action. */
final class FoldProcessor implements Processor<String, byte[], String, byte[]> {
    private static final int EVERY = 10;
    private static final int REMEMBERED = 20;

    private final String store;
    private final Wire wire;
    private final Started started;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, State> customers;

    FoldProcessor(String store, Wire wire, Started started) {
        this.store = store;
        this.wire = wire;
        this.started = started;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
        this.context = context;
        customers = context.getStateStore(store);
    }

    @Override
    public void process(Record<String, byte[]> record) {
        started.now();
        GenericRecord event = wire.decode(record.value());
        String eventId = event.get("event_id").toString();
        State known = customers.get(record.key());
        State before = known == null ? State.EMPTY : known;
        if (before.recent().contains(eventId)) {
            return;
        }
        State after = folded(before, event, eventId);
        customers.put(record.key(), after);
        if ((after.count() + phase(record.key())) % EVERY == 0) {
            context.forward(wire.action(record, event, after.count()));
        }
    }

    private static State folded(State before, GenericRecord event, String eventId) {
        List<String> all = before.recent();
        var recent = new ArrayList<>(all.subList(Math.max(0, all.size() + 1 - REMEMBERED), all.size()));
        recent.add(eventId);
        var channels = new LinkedHashMap<>(before.channels());
        channels.merge(event.get("channel").toString(), 1, Integer::sum);
        long lastSeen = Math.max(before.lastSeen(), (Long) event.get("occurred_at"));
        return new State(before.count() + 1, lastSeen, recent, channels);
    }

    private static int phase(String key) {
        var crc = new CRC32();
        crc.update(key.getBytes(UTF_8));
        return (int) (crc.getValue() % EVERY);
    }
}
